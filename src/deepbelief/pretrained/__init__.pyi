from .folders import NAMES as NAMES
from .model import Pretrained as Pretrained
from .model import load_pretrained as load_pretrained
