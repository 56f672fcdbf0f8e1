"""Numbers in words."""

from colorize_cli.system.wording import count_text, duration_text, rate_text


def test_quantities_in_words() -> None:
    assert [count_text(n, "photo") for n in (0, 1, 1234)] == ["0 photos", "1 photo", "1,234 photos"]
    assert [rate_text(rate) for rate in (12.34, 0.25)] == ["12.3 photos/s", "4.0 s a photo"]
    assert [duration_text(s) for s in (0.4, 59.6, 200, 3600, 7325)] == [
        "0 s",
        "1 min 00 s",
        "3 min 20 s",
        "1 h 00 min",
        "2 h 02 min",
    ]
