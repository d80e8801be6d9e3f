"""Everything that scikit-learn asks of an estimator."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from deepbelief.sklearn import DBNClassifier, DBNRegressor, DBNTransformer, RBMTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")

QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 128, "precision": "fp32"}
# Rows come to their weights by how often they are seen, in random order, which no two trainings share.
BY_CHANCE = {
    f"check_sample_weight_equivalence_on_{kind}_data": "weights are met on average, not in every batch"
    for kind in ("dense", "sparse")
}
FAST = {"learning_rate": 0.02, "epochs": 30}
LABEL_RBM = {"learning_rate": 0.05, "batch_size": 10, "epochs": 20}


@parametrize_with_checks(
    [
        RBMTransformer(5, **QUICK),
        DBNTransformer((5, 4), **QUICK),
        DBNClassifier((8,), head_settings=FAST, **QUICK),
        DBNClassifier((64,), head="label_rbm", head_settings=LABEL_RBM, **QUICK),
        DBNClassifier((8,), head="readout", **QUICK),
        DBNRegressor((8,), head_settings=FAST, **QUICK),
        DBNRegressor((16,), head="readout", **QUICK),
    ],
    expected_failed_checks=lambda _: BY_CHANCE,
)
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)
