from .card import Card as Card
from .onnx_export import export_classifier as export_classifier
from .onnx_export import export_encoder as export_encoder
from .onnx_export import export_reconstruction as export_reconstruction
from .pretrained import from_pretrained as from_pretrained
from .pretrained import save_pretrained as save_pretrained
from .run import share_run as share_run
