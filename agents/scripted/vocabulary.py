"""English word lists: filler words, names for pages and values, and things that no page can be."""

import re


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEAD_IN = _listed("""
    a an the my our your his her their this that these those some any i we you me us it its is are be
    please hi hello hey just want wants wanted need needs like would could can should may will shall id
    i'd let lets let's build make create design develop write code give have get show help helps helping
    allow allows to for of in on at by with about which who where when how app application website site
    web page webpage tool program software something thing things one single track tracks tracking keep
    keeps keeping manage manages managing organise organises organize organizes collect collects record
    logs simple small nice beautiful modern little great good cool easy basic minimal minimalist
    personal online new fancy clean quick tiny pretty lovely clear and also plus another more using use
    used so do does really very add include put plan planning every
""")
"""Words for wanting, not for the wanted thing: they never begin a title."""

APP_NOUNS = _listed("""
    app application tool page website site tracker manager helper assistant companion system dashboard
    organiser organizer keeper log planner database software program portal platform hub
""")
"""Generic names of pages: they never end the name of a thing to keep."""

DULL = _listed("""
    a an the my our your his her their this that these those some any each every all own simple small
    nice beautiful modern little great good cool easy basic minimal minimalist personal online new fancy
    clean quick tiny pretty lovely clear another more extra second add make build create want need have
    show shows track tracks keep keeps see use using for of in on to from by per as is are be i we you
    it me us please with and or not no also plus get give gets can could should would like lets let
    interactive digital integrated dark light built-in optional custom customizable private offline
    local single first then when where what how do does has having into at about out up their its e g
""")
"""Words that do not name the subject of a list, a chart or a table."""

NOT_KEPT = _listed("""
    design theme ui ux interface look layout colours colors mode animation animations dashboard friends
    family people users user team everyone data page app website responsive mobile desktop phone browser
    button buttons search filter filters export import backup storage support features feature option
    options way style fun everything things stuff fields columns sections help test idea ideas progress
    day week month year time tags persistence undo sound sounds categories category totals total ratings
    levels rewards results history overview summary
""")
"""Things that people expect of any page: nothing to make a table of."""

NO_THING = _listed("""
    to you it this that these those know understand see tell say me us more less help sure them they he
    she one something anything everything nothing changes change update improvement improvements faster
    better fix fixed bug bugs answer question questions all be do is are if how what why when where who
    thanks thank work working works there here
""")
"""Words that follow a request without naming anything to build: "I want to know", "can you tell me"."""

_VALUES = {
    "date": _listed("date day birthday deadline due when"),
    "time": _listed("time hour"),
    "number": _listed("""
        year price cost amount quantity number count age weight height size length width distance
        duration pages score total value vintage
    """),
    "rating": _listed("rating stars grade"),
    "longtext": _listed("description details notes comment comments remarks review story"),
    "url": _listed("url link website"),
    "email": _listed("email e-mail"),
    "tel": _listed("phone telephone"),
    "text": _listed("""
        name title author artist genre category type kind colour color brand model species breed
        location place city country address status owner label format material mood subject topic
        teacher variety origin publisher director language region
    """),
}


def field_type(phrase: str) -> str | None:
    """Return the type of field for values called `phrase`, or None if it names no value."""
    words = phrase.lower().split()
    for word in reversed(words):
        for kind, names in _VALUES.items():
            if word in names or word.removesuffix("s") in names:
                return kind
    return None


MEDIA = _listed("photo photograph picture image video audio music song")
"""Things that no component supports."""


def is_beyond(word: str) -> bool:
    """Return whether a word asks for more than a section about a subject."""
    return word.lower() in BEYOND_A_PAGE or word.lower().removesuffix("s") in BEYOND_A_PAGE


EVERY_PAGE_HAS = (
    "dark mode", "light mode", "night mode", "export", "backup", "offline", "responsive", "mobile-friendly",
    "navigation", "instructions", "guide", "privacy", "private", "local storage",
)  # fmt: skip
"""Parts of every page that the team makes."""

BEYOND_A_PAGE = _listed("""
    multiplayer online live real-time realtime shared share sharing sync synced account login user admin
    payment checkout cart shop store marketplace map gps weather location ai chatbot chat messaging camera
    voice speech photo photograph picture image video audio music upload email sms push pdf csv excel import
    bank banking stock stocks crypto currency translation translate scan scanner barcode qr server cloud api
    bluetooth 3d animation animated automatic automatically generator generate prediction predict
    recommendation
    recommend collaborative collaboration booking reservation order ordering delivery dating social network
    streaming trading ticket ticketing game engine simulator simulation invoice calculator converter solver
    planner scheduler scraper crawler blockchain website-builder search-engine
""")
"""Words that ask for more than a section about a subject: "multiplayer quiz", "photo gallery"."""


def _asking_for(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.I)


NOT_A_PAGE: tuple[tuple[str, re.Pattern[str], bool], ...] = (
    (
        "an API",
        _asking_for(r"(?:rest|graphql|grpc|http|web|json)?[ -]?apis?|endpoints?|micro-?services?|backend"),
        False,
    ),
    (
        "a command-line tool",
        _asking_for(r"command[- ]?line|cli|shell|bash|terminal|(?:a|the) command|console"),
        False,
    ),
    (
        "a program that works on files",
        _asking_for(
            r"(?:renam|resiz|compress|convert|sort|organi[sz]|back)\w*(?: up)? (?:all |my |our |the |your )*"
            r"(?:\w+ )?(?:photos?|pictures?|images?|files?|folders?|videos?)"
        ),
        False,
    ),
    (
        "a report",
        _asking_for(
            r"reports?|white ?papers?|essays?|articles?|thesis|case stud(?:y|ies)"
            r"|market (?:research|analysis|study)"
            r"|business plan|summary of|presentation|slides"
        ),
        False,
    ),
    ("a data pipeline", _asking_for(r"(?:data )?pipelines?|etl|elt|data warehouse|airflow|dbt"), False),
    ("a game engine", _asking_for(r"(?:game|physics|rendering|chess) engines?"), False),
    (
        "a browser extension or plugin",
        _asking_for(r"(?:browser|chrome|firefox|vs ?code) extensions?|plug-?ins?"),
        False,
    ),
    (
        "a bot",
        _asking_for(
            r"(?:discord|telegram|slack|twitter|trading|chat)[ -]?bots?|bots?|web ?crawlers?|scrapers?"
        ),
        False,
    ),
    ("a mobile app", _asking_for(r"(?:ios|iphone|android|native|flutter|react native) apps?"), False),
    (
        "a desktop program",
        _asking_for(r"(?:desktop|windows|macos|linux|electron|tkinter|qt) (?:apps?|programs?|tools?)"),
        False,
    ),
    (
        "a library",
        _asking_for(
            r"(?:python|npm|rust|go|java|software|npm) (?:library|libraries|packages?|modules?|crates?)|sdk"
        ),
        False,
    ),
    (
        "a machine-learning model",
        _asking_for(r"(?:train|fine-?tune)\w* .*models?|neural networks?|classifiers?|llm"),
        False,
    ),
    (
        "a compiler or an operating system",
        _asking_for(r"compilers?|interpreters?|operating systems?|kernels?|firmware"),
        False,
    ),
    (
        "a program in another language than a page's",
        _asking_for(
            r"(?:in|using|with) (?:python|rust|go(?:lang)?|java|c\+\+|c#|kotlin|swift|ruby|php|perl|haskell"
            r"|bash|sql)"
            r"|(?:python|bash|perl|ruby|shell) (?:scripts?|programs?)"
        ),
        True,
    ),
)
"""What an idea may ask for that is no web page: its name, the words, and whether they count anywhere in the
idea or only where it says what it is, before "with" or "that"."""
