"""The language of a text, as far as its commonest words and its letters show."""

import re
import unicodedata
from collections import Counter

_ENGLISH = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "for",
        "with",
        "and",
        "to",
        "my",
        "our",
        "i",
        "that",
        "which",
        "in",
        "on",
        "is",
        "are",
        "it",
        "your",
        "from",
        "by",
        "or",
        "as",
        "app",
        "page",
    ]
)
_COMMON = {
    "German": "der die das ein eine einen einer mit und für von im zum zur ich mein meine meinen den dem "
    "auf ist sind wir unser unsere nach über als wochenübersicht eines",
    "French": "le la les un une des du de et avec pour mon ma mes dans sur qui que je notre nos au aux est "
    "par ou en",
    "Spanish": "el la los las un una unos unas de del y con para mi mis en que por es nuestro nuestra al su",
    "Italian": "il lo la gli i un uno una di del della e con per il mio mia miei che in da nel nella le",
    "Portuguese": "o a os as um uma de do da dos das e com para meu minha em que por no na",
    "Dutch": "de het een van en met voor mijn onze op die dat in ik is naar",
}
_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
_SCRIPTS = {
    "CJK": "Chinese or Japanese",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CYRILLIC": "Russian, or another language in Cyrillic letters",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "GREEK": "Greek",
    "DEVANAGARI": "Hindi, or another language in Devanagari letters",
    "THAI": "Thai",
}
_LETTERS = re.compile(r"[^\W\d_]+")


def foreign_language(text: str) -> str | None:
    """Return the language of a text if it is probably not English; None for English.

    Args:
        text: some words, or a whole page.
    """
    scripts: Counter[str] = Counter()
    for letter in text:
        if letter.isalpha():
            scripts[unicodedata.name(letter, "").partition(" ")[0]] += 1
    if not scripts:
        return None
    foreign = sum(number for script, number in scripts.items() if script in _SCRIPTS)
    if foreign * 2 > scripts.total():
        if scripts["HIRAGANA"] or scripts["KATAKANA"]:
            return "Japanese"
        return _SCRIPTS[next(script for script, _ in scripts.most_common() if script in _SCRIPTS)]
    found = [word.lower() for word in _LETTERS.findall(text)]
    english = sum(word in _ENGLISH for word in found)
    counted = {language: sum(word in known for word in found) for language, known in _WORDS.items()}
    language = max(counted, key=lambda name: counted[name])
    return language if counted[language] > english else None
