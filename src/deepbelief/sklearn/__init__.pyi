from .predictors import DBNClassifier as DBNClassifier
from .predictors import DBNRegressor as DBNRegressor
from .transformers import DBNTransformer as DBNTransformer
from .transformers import RBMTransformer as RBMTransformer
