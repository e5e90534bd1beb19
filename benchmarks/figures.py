"""What a benchmark yields, and how it is shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured comparison. `ours` and `peer` are in `unit`; where `more_is_better`, the ratio is turned round."""

    name: str
    ours: float
    peer: float
    peer_name: str
    unit: str = "s"
    more_is_better: bool = False
    bound: float | None = None
    """The largest ratio that we accept: ours to the peer's (the smaller, the better)."""

    @property
    def ratio(self) -> float:
        """Ours to the peer's cost: below 1, ours is the better."""
        return self.peer / self.ours if self.more_is_better else self.ours / self.peer

    @property
    def holds(self) -> bool:
        return self.bound is None or self.ratio <= self.bound

    def __str__(self) -> str:
        bound = (
            "" if self.bound is None else f", at most {self.bound:g}" + ("" if self.holds else ": EXCEEDED")
        )
        shown = f"ours {self.ours:.4g} {self.unit} vs {self.peer_name} {self.peer:.4g} {self.unit}"
        return f"{self.name}  {self.ratio:.3g}  ({shown}{bound})"
