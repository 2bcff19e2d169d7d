"""The watermark, the shards and the back-off: pure."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapatterns.core.backoff import Backoff
from datapatterns.core.shards import shard_name, shard_of
from datapatterns.core.watermark import Watermark


@given(st.data())
def test_the_watermark_is_the_longest_finished_prefix(data: st.DataObject) -> None:
    """In whatever order jobs arrive, are skipped and finish, all up to the watermark is done."""
    seqs = data.draw(st.lists(st.text(), max_size=30, unique=True))  # opaque, in no order
    skipped = data.draw(st.sets(st.sampled_from(seqs))) if seqs else set[str]()
    watermark, arrived, running, done = Watermark("start"), 0, dict[str, int](), set[str]()
    while arrived < len(seqs) or running:
        finish = running and (arrived == len(seqs) or data.draw(st.booleans()))
        if finish:
            seq = data.draw(st.sampled_from(sorted(running)))
            watermark.done(running.pop(seq))
            done.add(seq)
        else:
            seq = seqs[arrived]
            arrived += 1
            if seq in skipped:
                watermark.skip(seq)
                done.add(seq)
            else:
                running[seq] = watermark.start(seq)
        prefix = ["start"]
        for seq in seqs[:arrived]:
            if seq not in done:
                break
            prefix.append(seq)
        assert watermark.position == prefix[-1]


def test_the_watermark_holds_only_what_is_unfinished() -> None:
    """A stuck job does not make the others' numbers pile up."""
    watermark = Watermark()
    watermark.start("stuck")
    for number in range(10_000):
        watermark.done(watermark.start(str(number)))
    assert watermark.position is None
    assert len(watermark._unfinished) == 1


def test_done_twice_is_harmless() -> None:
    """A number that is done again, or was never given out, changes nothing."""
    watermark = Watermark()
    first = watermark.start("a")
    watermark.start("b")
    watermark.done(first)
    watermark.done(first)
    watermark.done(99)
    assert watermark.position == "a"


@given(st.text(), st.integers(1, 64))
def test_every_id_has_exactly_one_shard(id: str, shards: int) -> None:
    """A shard is the CRC-32 of the id, so it is the same in every process and language."""
    assert shard_of(id, shards) == zlib.crc32(id.encode("utf-8", "surrogatepass")) % shards


NAMES = st.one_of(st.text(min_size=1), st.from_regex(r"\A[ab](#[0-2]/[1-3]){0,2}\Z"))


@given(*[st.tuples(NAMES, st.integers(1, 3)).flatmap(
    lambda x: st.tuples(st.just(x[0]), st.integers(0, x[1] - 1), st.just(x[1]))
)] * 2)  # fmt: skip
def test_no_two_shares_have_one_name(
    one: tuple[str, int, int], other: tuple[str, int, int]
) -> None:
    """No name can reach the checkpoint of another, whatever it looks like."""
    assert (shard_name(*one) == shard_name(*other)) == (one == other)


def test_a_worker_of_all_ids_goes_by_its_plain_name() -> None:
    """So does one that is given checkpoints of another making."""
    assert shard_name("mail", 0, 1) == "mail"
    assert shard_name("mail", 1, 3) == "mail#1/3"


@pytest.mark.parametrize(("attempt", "most"), [(1, 0.1), (2, 0.2), (4, 0.8), (99999, 5.0)])
def test_backoff_is_full_jitter(attempt: int, most: float) -> None:
    """Any wait from nothing to a doubling bound, which itself is bounded."""
    waits = [Backoff(base=0.1, cap=5.0)(attempt) for _ in range(500)]
    assert min(waits) < most / 4
    assert most * 3 / 4 < max(waits) <= most
