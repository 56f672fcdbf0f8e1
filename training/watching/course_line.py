"""The line that says how far a run is, with its rate and the time that is left."""

from collections import deque

from colorize_cli.system.messages import Course
from colorize_cli.system.wording import duration_text

from ..plan import Plan
from ..run_state import RunState

_STEPS = 50  # over which the rate is taken


class CourseLine:
    """Says after every step how far a run is."""

    def __init__(self, course: Course, state: RunState, plan: Plan) -> None:
        """Begin from where the run stands, and show it to `course`."""
        self._course, self._state, self._plan = course, state, plan
        # Seconds of training, for the rate is not that of judging and saving.
        self._taken = deque([(state.seconds, state.samples_seen, state.step)], _STEPS + 1)

    def show(self) -> None:
        """Show the step, the rate and the time that is left."""
        state, plan = self._state, self._plan
        seconds, samples, step = self._taken[0]
        self._taken.append((state.seconds, state.samples_seen, state.step))
        passed, steps = max(state.seconds - seconds, 1e-9), max(1, state.step - step)
        rate, left = (state.samples_seen - samples) / passed, plan.left(state.step, passed / steps)
        self._course.show(
            plan.done(state.step),
            f"step {state.step:,}  {rate:.1f} samples/s  {duration_text(left)} left",
        )
