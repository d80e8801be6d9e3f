from .loading import Run as Run
from .loading import load_run as load_run
from .recipe import Recipe as Recipe
from .recipe import load_recipe as load_recipe
from .records import Metric as Metric
from .run import Study as Study
