"""Lists of words, all English: what says nothing, what names a page, what names a value."""


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
"""Words that say that something is wanted, not what: they never begin a title."""

APP_NOUNS = _listed("""
    app application tool page website site tracker manager helper assistant companion system dashboard
    organiser organizer keeper log planner database software program portal platform hub
""")
"""Words that a page is called by, whatever it is about: they never end the name of what it keeps."""

DULL = _listed("""
    a an the my our your his her their this that these those some any each every all own simple small
    nice beautiful modern little great good cool easy basic minimal minimalist personal online new fancy
    clean quick tiny pretty lovely clear another more extra second add make build create want need have
    show shows track tracks keep keeps see use using for of in on to from by per as is are be i we you
    it me us please with and or not no also plus get give gets can could should would like lets let
    interactive digital integrated dark light built-in optional custom customizable private offline
    local single first then when where what how do does has having into at about out up their its e g
""")
"""Words that say nothing of what a list, a chart or a table is of."""

NOT_KEPT = _listed("""
    design theme ui ux interface look layout colours colors mode animation animations dashboard friends
    family people users user team everyone data page app website responsive mobile desktop phone browser
    button buttons search filter filters export import backup storage support features feature option
    options way style fun everything things stuff fields columns sections help test idea ideas progress
    day week month year time tags persistence undo sound sounds categories category totals total ratings
    levels rewards results history overview summary
""")
"""What people ask of any page: nothing to make a table of."""

NO_THING = _listed("""
    to you it this that these those know understand see tell say me us more less help sure them they he
    she one something anything everything nothing changes change update improvement improvements faster
    better fix fixed bug bugs answer question questions all be do is are if how what why when where who
    thanks thank work working works there here
""")
"""What follows a wish without naming anything to build: "I want to know", "can you tell me"."""

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
    """Return the type of field for values called `phrase`, or None where it names no value."""
    words = phrase.lower().split()
    for word in reversed(words):
        for kind, names in _VALUES.items():
            if word in names or word.removesuffix("s") in names:
                return kind
    return None
