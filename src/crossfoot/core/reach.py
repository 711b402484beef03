"""How a customer is reached or registered, in one form however it is written: e-mail address, its domain, phone
numbers, and a tax number of any country.

None of these links by itself. What many share or nobody meant, such as a provider's domain or 0000 0000, says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from crossfoot.core.books import LedgerContact
from crossfoot.core.documents import IntendedContact

SUBSCRIBER_DIGITS = 8
DISTINCT_DIGITS_MIN = 3
SHARED_MAX = 3
"""What more contacts than these have in common is a bookkeeper's address or a head office's, and tells none of them."""

_EXTENSION = re.compile(r"(?:ext|extn|x|#)\.?[\s:]*\d+\s*$", re.IGNORECASE)
_NOBODY = re.compile(r"no-?email|nomail|none|na|no|no-?reply|donotreply|unknown|test")
_SEVERAL = re.compile(r"[/;,|]|\bor\b")
_ADDRESS = re.compile(r"([^\s<>()\[\],;:\"@]+)@([\w-]+(?:\.[\w-]+)+)")
_WEBSITE = re.compile(r"(?:https?://)?(?:www\.)?([\w-]+(?:\.[\w-]+)+)(?:[/?#].*)?")
_KEYS_IN_A_ROW = "01234567890123456789"
_PROVIDERS = re.compile(
    r"(gmail|googlemail|hotmail|outlook|live|msn|yahoo|ymail|icloud|me|mac|aol|proton|protonmail|fastmail|zoho|gmx|mail"
    r"|bigpond|optusnet|iinet|tpg|westnet|internode|dodo|adam|xtra|slingshot|vodafone|btinternet|sky|virginmedia"
    r"|talktalk|ntlworld|comcast|verizon|att|sbcglobal|cox|charter|bellsouth|rogers|shaw|telus|web|t-online|freenet"
    r"|orange|wanadoo|free|laposte|sfr|libero|virgilio|tin|telenet|skynet|ziggo|kpnmail|bluewin|telia|online|yandex|qq"
    r"|163|126|sina|naver|hanmail|daum|docomo|ezweb|softbank|nifty|rediffmail|uol|terra|facebook|instagram|linkedin)\.[a-z.]+"
)
"""Where people have their mail, or their page, whose domain is not their company's."""


Reach = tuple[tuple[str, str], ...]
"""(kind, value) pairs, of the kinds of ``KINDS``."""
KINDS = ("email", "domain", "phone", "registered")


def account_reached_at(account: IntendedContact) -> Reach:
    """How an account in Salesforce is reached."""
    return _reached_at(account.email, (account.phone,), account.tax_number)


def contact_reached_at(contact: LedgerContact) -> Reach:
    """How a contact in Xero is reached."""
    return _reached_at(contact.email, (phone.area + phone.number for phone in contact.phones), contact.tax_number)


def _reached_at(email: str, phones: Iterable[str], tax_number: str) -> Reach:
    """Of a number its last digits, so that +61 2 9000 0001 is (02) 9000 0001; of a tax number its digits, with or
    without the country before them. A short number is none, and an extension is left out."""
    digits = [_digits(each) for phone in phones for each in _each_number(_EXTENSION.sub("", phone))]
    numbers = sorted({each[-SUBSCRIBER_DIGITS:] for each in digits})
    told = [*(("phone", number) for number in numbers), ("registered", _digits(tax_number))]
    return tuple(dict.fromkeys([*_mailed_at(email.strip().casefold()), *(each for each in told if _is_meant(each[1]))]))


def _each_number(phone: str) -> Iterable[str]:
    """The numbers of a field that holds several; in '030/1234567' a stroke parts one."""
    several = [each for each in _SEVERAL.split(phone) if len(_digits(each)) >= SUBSCRIBER_DIGITS]
    return several or (phone,)


def _is_meant(number: str) -> bool:
    typed = number in _KEYS_IN_A_ROW or number in _KEYS_IN_A_ROW[::-1]
    return len(number) >= SUBSCRIBER_DIGITS and len(set(number)) >= DISTINCT_DIGITS_MIN and not typed


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _mailed_at(email: str) -> Iterable[tuple[str, str]]:
    """Each address without what its owner put behind a plus; of a website, that of the company."""
    addresses: list[tuple[str, str]] = _ADDRESS.findall(email)
    if not addresses and (site := _WEBSITE.fullmatch(email)):
        addresses = [("", site[1])]
    for written, domain in addresses:
        mailbox = written.split("+")[0]
        if _NOBODY.fullmatch(mailbox):
            continue
        if mailbox:
            yield "email", f"{mailbox}@{domain}"
        if not _PROVIDERS.fullmatch(domain):
            yield "domain", domain
