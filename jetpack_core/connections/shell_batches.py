# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests of a frame a shell is sent together, and whether more of them may follow."""

from __future__ import annotations

from collections.abc import Sequence

from jetpack_core.connections import codec
from jetpack_core.contracts.operations import Reply, Request, ends_frame


def next_batch(rest: Sequence[Request]) -> list[Request]:
    """Return the requests that can travel together: of one user, what is streamed on its own."""
    batch = [rest[0]]
    if codec.streamed(rest[0].operation) is not None:
        return batch
    for request in rest[1:]:
        if request.become != rest[0].become or codec.streamed(request.operation) is not None:
            break
        batch.append(request)
    return batch


def stopped(batch: Sequence[Request], replies: Sequence[Reply]) -> bool:
    """Tell whether a frame ends with a batch, for what its requests came to."""
    ended = any(ends_frame(one.operation, reply) for one, reply in zip(batch, replies, strict=False))
    return ended or len(replies) < len(batch)
