from .classes import class_means as class_means
from .classes import class_tree as class_tree
from .classes import confusion as confusion
from .classes import most_confused as most_confused
from .neighbours import nearest as nearest
from .receptive_fields import receptive_fields as receptive_fields
