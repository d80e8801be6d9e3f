from .classifier import DBNClassifier as DBNClassifier
from .regressor import DBNRegressor as DBNRegressor
from .transformers import DBNTransformer as DBNTransformer
from .transformers import RBMTransformer as RBMTransformer
