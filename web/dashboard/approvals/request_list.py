"""Several requests for approval, each with its answer."""

from collections.abc import Awaitable, Callable, Sequence

from recursor.storage.approval_listing import OpenApproval
from recursor.storage.tables import APPROVALS
from recursor.web.dashboard.approvals.request_card import RequestCard
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Box


class RequestList:
    """Requests in the given order; one that a person is answering stays until that is done."""

    def __init__(
        self, page: PageContext, on_answered: Callable[[], Awaitable[None]], *, with_team: bool
    ) -> None:
        """Build it, empty.

        Args:
            page: the page.
            on_answered: shows the current requests.
            with_team: whether to name the teams.
        """
        self._page, self._on_answered, self._with_team = page, on_answered, with_team
        self._cards: dict[str, RequestCard] = {}
        self._box = Box("ul", "requests", role="list", aria_label="Requests for approval", tabindex="-1")

    def show(self, found: Sequence[OpenApproval]) -> None:
        """Show these requests; those already shown keep what a person has typed."""
        wanted = {each.approval.id: each for each in found}
        for card in list(self._cards.values()):
            if card.id not in wanted and not self._still_held(card):
                del self._cards[card.id]
                card.box.delete()
        for place, (approval_id, each) in enumerate(wanted.items()):
            known = self._cards.get(approval_id)
            if known is not None:
                known.show(each.approval)
                continue
            with self._box:
                card = RequestCard(self._page, each, self._answered, with_team=self._with_team)
            card.box.move(target_index=min(place, len(self._cards)))
            self._cards[approval_id] = card

    @property
    def empty(self) -> bool:
        """Whether none is shown."""
        return not self._cards

    def _still_held(self, card: RequestCard) -> bool:
        if not card.held:
            return False
        with self._page.engine.read() as reader:
            approval = APPROVALS.get(reader, card.stack_id, card.id)
        if approval is None:
            # Its team was deleted.
            return False
        card.show(approval)
        return True

    async def _answered(self, card: RequestCard) -> None:
        order = [each.id for each in self._ordered()]
        place = order.index(card.id) if card.id in order else 0
        await self._on_answered()
        if card.id in self._cards:
            return
        left = self._ordered()
        if left:
            left[min(place, len(left) - 1)].focus()
        else:
            self._page.client.run_javascript("document.getElementById('main').focus({preventScroll: true})")

    def _ordered(self) -> list[RequestCard]:
        places = {element.id: place for place, element in enumerate(self._box.default_slot.children)}
        return sorted(self._cards.values(), key=lambda card: places[card.box.id])
