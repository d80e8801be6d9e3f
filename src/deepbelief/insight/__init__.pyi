from .classes import class_means, class_tree, confusion, most_confused
from .neighbours import nearest
from .receptive_fields import receptive_fields

__all__ = [
    "class_means",
    "class_tree",
    "confusion",
    "most_confused",
    "nearest",
    "receptive_fields",
]
