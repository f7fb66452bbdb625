"""Why a workload is unhealthy: the first cause in a recording, and what followed from it.

Kubernetes scatters the reasons: a refusal in an answer, a scheduler's words in a condition, an
image error in a container's state, a probe's failure in an event. Somebody who looks for the reason
asks which came first. `causes_of` answers for one workload, `explain` for a failed check.

Each family of causes has a module of its own that reads one kind of evidence. A cause tells what
happened and which field it concerns, never what to write instead.
"""

from grader.judge.causes.cause import WORDS, Cause, Chain, Effect
from grader.judge.causes.chain import causes_of, chains, explain

__all__ = ["WORDS", "Cause", "Chain", "Effect", "causes_of", "chains", "explain"]
