"""What an epoch of a layer gave, or that it diverged."""

from dataclasses import field

from pydantic.dataclasses import dataclass

from deepbelief.errors import DeepBeliefError


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch of one layer gave."""

    layer: int
    epoch: int
    reconstruction_error: float
    """The squared error summed over a batch and averaged over the units, mean over the batches of the epoch; it grows
    with the batch size.

    With persistent chains, which reconstruct no data: the same of E[v | E[h | v]] for some items, after the epoch.
    """
    monitors: dict[str, float] = field(default_factory=dict)
    """Figures that compare across data sets and batch sizes, measured after the epoch on up to 2,000 items:
    `reconstruction_error_unit` and, with held-out data, `held_out_error_unit`, `free_energy_gap`,
    `pseudo_likelihood_unit` (nats, for each visible unit or group of categorical units). Errors are of known values;
    there is nothing else where values are missing.

    Of the negative phase `swap_rate`, `snapshots`, `undone` and `autocorrelation_time` (updates; inf where the chains
    stood still or were too slow to tell; NaN where an epoch has fewer than ten).

    With tempering along the trajectory, which knows it, `log_z` and its standard error `log_z_error`, and the mean
    `log_likelihood` and, with held-out data, `held_out_log_likelihood` of an item, nats; grey values count as binary
    states drawn from them.

    With `batch_statistics`, over the batches of the epoch: `error_std`, the standard deviation (with n - 1) of the
    reconstruction error; `update_mean` and `update_std` of the size of an update, the sum of |dW| over all weights."""

    @property
    def score(self) -> float | None:
        """The pseudo-likelihood of held-out items or, of units without one, minus their error; None without any."""
        error = self.monitors.get("held_out_error_unit")
        return self.monitors.get("pseudo_likelihood_unit", None if error is None else -error)

    @property
    def score_name(self) -> str | None:
        """What the score is."""
        if "pseudo_likelihood_unit" in self.monitors:
            return "pseudo-likelihood"
        return "minus the reconstruction error" if "held_out_error_unit" in self.monitors else None


class DivergedError(DeepBeliefError):
    """A training diverged; the model's parameters are as they were at the end of the last good epoch."""
