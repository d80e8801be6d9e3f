from .follow import Log as Log
from .follow import follow as follow
from .metrics import MetricsLog as MetricsLog
from .tensorboard import TensorBoardLog as TensorBoardLog
