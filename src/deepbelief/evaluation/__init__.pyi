from .evaluation import Evaluation as Evaluation
from .plan import Plan as Plan
from .plan import load_plan as load_plan
from .records import Evaluated as Evaluated
