"""Linear and mixed-integer linear programs, solved by HiGHS.

https://highs.dev
"""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.errors import SlipwayError

if TYPE_CHECKING:
    import highspy

THREADS = 2
MISSING = "this command needs the solver HiGHS: pip install highspy numpy"


@dataclass(frozen=True)
class Solution:
    """The best values that were found, their cost, and the proven lower bound of the cost."""

    values: Sequence[float]
    cost: float
    bound: float


class NoSolution(SlipwayError):
    """A program has no solution, or none was found in time."""

    def __init__(self, message: str, bound: float = -math.inf) -> None:
        super().__init__(message)
        self.bound = bound


class LinearProgram:
    """A program that is built variable by variable, and minimises the cost."""

    def __init__(self) -> None:
        self._costs: list[float] = []
        self._bounds: list[tuple[float, float]] = []
        self._integer: list[int] = []
        self._rows: list[tuple[Mapping[int, float], float, float]] = []

    def variable(
        self, *, cost: float = 0.0, lower: float = 0.0, upper: float = math.inf, integer: bool = False
    ) -> int:
        """Add a variable and return its number."""
        number = len(self._costs)
        self._costs.append(cost)
        self._bounds.append((lower, upper))
        if integer:
            self._integer.append(number)
        return number

    def constraint(
        self, coefficients: Mapping[int, float], lower: float = -math.inf, upper: float = math.inf
    ) -> None:
        """Add a constraint: lower <= the sum of coefficient times variable <= upper."""
        self._rows.append((coefficients, lower, upper))

    def solve(self, *, time_limit_s: float = math.inf, gap: float = 0.0) -> Solution:
        """Return the optimum, or the best solution that was found in time.

        Args:
            time_limit_s: seconds after which the search ends.
            gap: the relative distance from the bound at which the search ends.

        Raises:
            NoSolution: there is none, or none was found in time.
        """
        try:
            import highspy  # it takes 100 ms, and most commands do without it
        except ImportError:
            raise SlipwayError(MISSING) from None

        class Quiet(highspy.Highs):
            def enableCallbacks(self) -> None:  # it prints a banner, whatever output_flag says
                pass

        highs = Quiet()  # type: ignore[no-untyped-call] # highspy annotates no constructor
        for option, value in {
            "output_flag": False, "threads": THREADS, "mip_rel_gap": gap, "mip_abs_gap": 1e-9,
            "time_limit": time_limit_s, "random_seed": 0,
        }.items():  # fmt: skip
            highs.setOptionValue(option, value)
        self._load(highs)
        # Ctrl-C interrupts the wait for a thread, but not a call of the solver.
        run = threading.Thread(target=highs.run, daemon=True)
        run.start()
        run.join()
        info = highs.getInfo()
        optimal = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        cost = float(info.objective_function_value)
        bound = float(info.mip_dual_bound) if self._integer else cost
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            status = highs.modelStatusToString(highs.getModelStatus()).lower()
            raise NoSolution(f"no solution was found: {status}", bound)
        return Solution(highs.getSolution().col_value, cost, cost if optimal and not gap else bound)

    def _load(self, highs: "highspy.Highs") -> None:
        """Pass the variables and the constraints to the solver, as arrays."""
        import highspy
        import numpy as np

        count = len(self._costs)
        lower, upper = (np.array(side) for side in zip(*self._bounds, strict=True))
        highs.addVars(count, lower, upper)
        highs.changeColsCost(count, np.arange(count, dtype=np.int32), np.array(self._costs))
        if self._integer:
            kinds = np.full(len(self._integer), highspy.HighsVarType.kInteger)
            highs.changeColsIntegrality(len(kinds), np.array(self._integer, dtype=np.int32), kinds)
        starts = np.cumsum([0, *(len(row[0]) for row in self._rows[:-1])], dtype=np.int32)
        keys = np.array([key for row in self._rows for key in row[0]], dtype=np.int32)
        numbers = np.array([value for row in self._rows for value in row[0].values()], dtype=float)
        least, most = (np.array([row[side] for row in self._rows]) for side in (1, 2))
        highs.addRows(len(self._rows), least, most, len(keys), starts, keys, numbers)
