"""Who is answered next."""

from tests.making import NOW, make_snapshot, make_user_message


def order(*senders: str) -> list[str]:
    """Answer all messages, which came in this order, and return the senders in the order of their answers."""
    messages = [make_user_message(number, sender=sender) for number, sender in enumerate(senders)]
    answered = []
    for turn in range(len(messages)):
        following = make_snapshot(user_messages=tuple(messages)).next_unanswered
        assert following is not None
        answered.append(following.sender)
        messages[messages.index(following)] = following.but(answer="yes", answered_at=NOW + turn)
    assert make_snapshot(user_messages=tuple(messages)).next_unanswered is None
    return answered


def test_visitors_are_answered_in_the_order_in_which_they_came() -> None:
    assert order("ann", "bob", "cleo") == ["ann", "bob", "cleo"]


def test_visitors_take_turns_however_much_one_of_them_writes() -> None:
    assert order(*["ann"] * 5, "bob", "bob", "cleo") == ["ann", "bob", "cleo", "ann", "bob", *["ann"] * 3]


def test_the_messages_of_a_visitor_are_answered_in_their_order() -> None:
    messages = tuple(make_user_message(number) for number in (3, 2, 9))
    following = make_snapshot(user_messages=messages).next_unanswered
    assert following is not None
    assert following.id == f"{2:032}"
