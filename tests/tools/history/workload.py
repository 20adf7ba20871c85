"""The calls of a drill's clients, and their timeouts.

Brands come and go: each begins empty, fills, is contended and drained, and is queried again later.
So every state of a pool occurs repeatedly, and under every fault.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from tests.tools.history import checkouts
from tests.tools.history.checkout_recorder import CheckoutRecorder
from tests.tools.history.history import Call, CallFailure
from tests.tools.history.recorder import Where

LONG_TIMEOUT_S = 15.0
CALLS_A_BRAND = 250
USERS = 60
AT_ONCE = 3
"""The number of recent brands that are contended."""
COUNTS = (5, 20)
"""The least and the largest number of codes of one create."""
PAUSE_S = 0.05
"""A client's pause after a failure or a 503, so that an outage is no flood."""


class Notebook:
    """A thread-safe list of calls, without waits."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def keep(self, call: Call) -> None:
        """Keep a call."""
        self.calls.append(call)


@dataclass(slots=True)
class World:
    """The current brands, which change with the number of calls."""

    notebook: Notebook
    clients: set[str] = field(default_factory=set)
    """The users."""

    def all_have_called(self, since: float) -> bool:
        """Return whether every client got an answer to a call that it began after a time."""
        late = set(self.clients)
        for call in reversed(self.notebook.calls.copy()):
            if call.ended < since or not late:
                break
            if call.began >= since:
                late.discard(call.client)
        return not late

    def newest(self) -> int:
        return len(self.notebook.calls) // CALLS_A_BRAND

    def current(self, chance: Random) -> str:
        """Return a contended brand."""
        return brand_name(max(0, self.newest() - chance.randrange(AT_ONCE)))

    def earlier(self, chance: Random) -> str:
        """Return any brand so far."""
        return brand_name(chance.randrange(self.newest() + 1))


def brand_name(number: int) -> str:
    return f"brand{number}"


def user_name(chance: Random) -> str:
    return f"user{chance.randrange(USERS)}"


class Client(threading.Thread):
    """Calls without a pause until told to stop.

    Args:
        name: The client's.
        where: Tells which replica to call.
        world: What there is to ask for.
        seed: The order of its calls is made from it.
        short_timeouts: Whether it gives up soon, and then may retry, with its key or without.
        pause_s: What it waits between two calls.
        recorder: Makes what calls and records.
    """

    def __init__(
        self,
        name: str,
        where: Where,
        world: World,
        seed: str,
        *,
        short_timeouts: bool = False,
        pause_s: float = 0.0,
        recorder: Callable[..., CheckoutRecorder] = CheckoutRecorder,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.chance = Random(seed)  # noqa: S311 - an order, not a secret
        self.recorder = recorder(name, where, world.notebook.keep)
        self.world = world
        self.short_timeouts = short_timeouts
        self.pause_s = pause_s
        self.stopped = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        choices = [choice for choice, _ in WORK]
        weights = [weight for _, weight in WORK]
        try:
            while not self.stopped.wait(self.pause_s):
                self.chance.choices(choices, weights)[0](self)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.recorder.close()

    def user(self) -> str:
        return user_name(self.chance)

    def timeout(self) -> float:
        return self.chance.uniform(0.002, 0.2) if self.short_timeouts else LONG_TIMEOUT_S

    def until_answered(self, call: Callable[[], Call]) -> Call:
        """Retry a call; clients with short timeouts give up at random."""
        while True:
            made = call()
            if not made.unknown and made.failure is not CallFailure.REFUSED:
                return made
            if made.failure is not CallFailure.TIMEOUT:
                self.stopped.wait(PAUSE_S)
            if self.stopped.is_set() or (self.short_timeouts and self.chance.random() < 0.5):
                return made

    def reserve(self) -> None:
        self._reserve(self.world.current(self.chance))

    def reserve_again(self) -> None:
        self._reserve(self.world.earlier(self.chance))

    def _reserve(self, brand: str) -> None:
        user = user_name(self.chance)
        ask = self.recorder.fetch if self.chance.random() < 0.5 else self.recorder.put
        self.until_answered(lambda: ask(brand, user, self.timeout()))

    def show(self) -> None:
        choose = self.world.current if self.chance.random() < 0.8 else self.world.earlier
        self.recorder.show(choose(self.chance), user_name(self.chance), self.timeout())

    def create(self) -> None:
        """Create; after a failure, retry with the key, and sometimes without."""
        brand, count = self.world.current(self.chance), self.chance.randint(*COUNTS)
        rules = checkouts.rules_of(int(brand.removeprefix("brand")))
        if rules and self.chance.random() < 0.5:
            self.recorder.rules(brand, rules, self.timeout())
        ask = self.recorder.create if self.chance.random() < 0.5 else self.recorder.add
        if self.chance.random() < 0.3:
            made = ask(brand, count, "", self.timeout())
            if self.short_timeouts and made.failure:
                ask(brand, count, "", self.timeout())
            return
        key = new_key(self.chance)
        made = self.until_answered(lambda: ask(brand, count, key, self.timeout()))
        if made.done and self.chance.random() < 0.3:
            ask(brand, count, key, self.timeout())

    def look(self) -> None:
        """Read a code of a create answer, the counts, or the whole list."""
        brand = self.world.current(self.chance)
        match self.chance.randrange(6):
            case 0:
                self.recorder.list(brand, LONG_TIMEOUT_S)
            case 1 | 2:
                self.recorder.counts(brand, self.timeout())
            case _:
                held = self.recorder.fetch(brand, user_name(self.chance), self.timeout())
                if held.done:
                    self.recorder.code(brand, held.content["discount_code"], self.timeout())

    def err(self) -> None:
        """Make a call that must be refused, and must change nothing."""
        brand = self.world.current(self.chance)
        match self.chance.randrange(4):
            case 0:
                count = self.chance.choice([0, -1, 1001])
                self.recorder.create(f"{brand}-not", count, "", self.timeout())
            case 1:
                self.recorder.add(f"{brand}-not", 5, "", self.timeout(), "summer")
            case 2:
                self.recorder.fetch(f"{brand}-not", user_name(self.chance), self.timeout())
            case _:
                key = new_key(self.chance)
                self.recorder.create(brand, 5, key, self.timeout())
                self.recorder.create(brand, 6, key, self.timeout())


def new_key(chance: Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128)))


WORK: tuple[tuple[Callable[[Client], None], int], ...] = (
    (Client.reserve, 60),
    (Client.reserve_again, 15),
    (Client.show, 12),
    (Client.create, 3),
    (Client.look, 8),
    (Client.err, 2),
    (checkouts.buy, 20),
    (checkouts.release, 4),
    (checkouts.change, 8),
    (checkouts.erase, 1),
    (checkouts.inspect, 4),
)


def stop(clients: Iterable[Client], within_s: float) -> None:
    """Let the clients finish their current calls.

    Raises:
        AssertionError: One of them failed, or hangs.
    """
    deadline = time.monotonic() + within_s
    for client in clients:
        client.stopped.set()
    for client in clients:
        client.join(max(0.0, deadline - time.monotonic()))
        assert not client.is_alive(), f"{client.name} hangs"
        assert client.error is None, client.error


def audit(
    recorder: CheckoutRecorder, brands: Iterable[str], timeout: float = LONG_TIMEOUT_S
) -> None:
    """At the end, show the reservation of every user of these brands, and list all codes."""
    for brand in brands:
        recorder.list(brand, timeout)
        recorder.counts(brand, timeout)
        for number in range(USERS):
            recorder.show(brand, f"user{number}", timeout)
            recorder.wallet(brand, f"user{number}", timeout)
