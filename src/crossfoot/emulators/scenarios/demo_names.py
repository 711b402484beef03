"""Names and prices of the demo business: what it sells, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crossfoot.emulators.scenarios.demo_book import Contact


@dataclass(frozen=True, slots=True)
class Product:
    """One thing the firm sells. ``key`` names it in the scenario; it is the code where there is one."""

    code: str
    name: str
    family: str
    price: str
    tax_type: str = "OUTPUT"
    account: str = ""

    @property
    def key(self) -> str:
        """The scenario's name for the product."""
        return self.code or self.name


FAMILY_ACCOUNTS = {
    "Advisory": ("211", "Advisory Practice Fees"),
    "Assurance": ("212", "Assurance Fees"),
    "Tax": ("213", "Tax Services"),
    "Technology": ("214", "Technology Services"),
    "Training": ("215", "Training and Workshops"),
    "People": ("216", "People Services"),
}
REGIONS = ("NSW", "VIC", "QLD", "SA", "WA", "ACT", "NT", "New Zealand", "International")
RETIRED_REGION = "Tasmania"

# Code, price (AUD ex tax), name; a star marks a product that is GST-free.
_PRICE_LIST = {
    "Advisory": """
        ADV-STRAT 2450.00 Strategy partner, day | ADV-DIRECT 1980.00 Director, day | ADV-MGR 1540.00 Manager, day
        ADV-ANALYST 187.3456 Analyst, hour | ADV-VALUE 9800.00 Business valuation | ADV-DUE 12400.00 Due diligence
        ADV-BOARD 3150.00 Board paper review | ADV-MODEL 4125.50 Financial model | ADV-RETAIN 2200.00 Monthly retainer
        ADV-TRAVEL 0.9125 Travel, kilometre""",
    "Assurance": """
        ASR-AUDIT 8600.00 Annual audit | ASR-REVIEW 4300.00 Half-year review | ASR-TRUST 1250.00 Trust account audit
        ASR-GRANT 1475.00 Grant acquittal | ASR-INTERNAL 1690.00 Internal audit, day | ASR-CTRL 2640.00 Controls report
        ASR-SMSF 895.00 Super fund audit | ASR-STOCK 1120.00 Stocktake attendance | ASR-SAMPLE 12.4375 Sample test
        ASR-HOUR 212.8750 Audit senior, hour""",
    "Tax": """
        TAX-RETURN 1650.00 Company tax return | TAX-BAS 385.00 Activity statement | TAX-FBT 1240.00 FBT return
        TAX-RULING 5400.00 Private ruling | TAX-R&D 7300.00 R&D incentive claim | TAX-TRUST 1380.00 Trust tax return
        TAX-PAYROLL 640.00 Payroll tax review | TAX-INTL 3975.00 Transfer pricing file | TAX-HOUR 248.6250 Adviser, hour
        TAX-CGT 1895.00 Capital gains advice""",
    "Technology": """
        TEC-CLOUD 1495.00 Cloud ledger set-up | TEC-MIGRATE 6250.00 Ledger migration | TEC-API 1720.00 Integration, day
        TEC-SUPPORT 48.7525 Support, seat month | TEC-DASH 3380.00 Dashboard build | TEC-DATA 1610.00 Data clean-up, day
        TEC-HOST 0.0475 Hosting, unit | TEC-SECURE 2890.00 Security review | TEC-SCAN 0.1850 Document scan, page
        TEC-LICENCE 31.9975 Licence, seat month""",
    "Training": """
        TRN-LEDGER* 420.00 Bookkeeping certificate, seat | TRN-BOARD 890.00 Director workshop, seat
        TRN-EXCEL 265.00 Spreadsheet class, seat | TRN-TAXUP 340.00 Tax update, seat | TRN-ONSITE 2350.00 On-site day
        TRN-ETHICS* 195.00 Ethics course, seat | TRN-PAYROLL* 310.00 Payroll certificate, seat
        TRN-ONLINE 79.9950 Online module | TRN-BOOK 64.5000 Course book | TRN-ROOM 540.00 Training room, day""",
    "People": """
        PPL-SEARCH 14500.00 Executive search | PPL-CONTRACT 96.4375 Contract accountant, hour
        PPL-PAYROLL 18.2500 Payroll run, payslip | PPL-POLICY 1875.00 Policy pack | PPL-SURVEY 6.3125 Survey response
        PPL-COACH 410.00 Coaching session | PPL-CFO 2125.00 Virtual CFO, day | PPL-MEDIATE 2960.00 Mediation, day""",
}
NO_CODE_PRODUCT = Product("", "Courier for soil samples", "Advisory", "86.00", account="211")
RETIRED_RATE_PRODUCT = Product("TRN-LEGACY", "Apprentice course, old rate", "Training", "1180.00", "$old_rate", "215")
# Left to the Xero item: these carry neither account nor tax type in Salesforce.
CODED_IN_XERO = {"ADV-RETAIN", "TAX-BAS", "TRN-EXCEL"}

CUSTOMERS = """
Ironbark Mutual Insurance; Banksia Street Dental; Wattlebird Press; Currawong Aviation; Quandong Foods;
Paperbark Joinery; Lyrebird Theatre Company; Mallee Grain Exchange; Bilby Toys; Kookaburra Radio Network;
Stringybark Furniture; Jacaranda Aged Care; Boronia Fragrances; Waratah Signage; Grevillea Nurseries;
Echidna Security; Cassowary Tours; Platypus Water Filters; Brolga Dance Academy; Wombat Earthmoving;
Numbat Software; Quokka Bicycles; Galah Costume Hire; Bandicoot Pest Control; Dugong Dive Centre;
Goanna Pumps; Taipan Motors; Barramundi Wholesale; Yabby Creek Holiday Park; Bogong Alpine Lodge;
Eureka Stockfeed; Ballarat Brassworks; Geelong Wool Brokers; Fremantle Sailmakers; Kalgoorlie Drilling;
Broome Pearl Traders; Cairns Reef Physiotherapy; Toowoomba Tractor Spares; Newcastle Slipway; Wagga Veterinary Hospital;
Dubbo Zoo Supplies; Orange Orchard Cooperative; Mildura Citrus Packers; Bendigo Pottery Works; Albury Steel Frames;
Katoomba Guesthouses; Bondi Swimwear; Manly Ferry Kiosk; Parramatta Orthodontics; Penrith Concrete Panels;
Wollongong Welding; Ulladulla Seafoods; Narooma Oysters; Bega Dairy Equipment; Cooma Snow Chains;
Goulburn Merino Stud; Yass Solar Farm; Canberra Lobby Group; Queanbeyan Plasterboard; Tuggeranong Childcare;
Adelaide Hills Cidery; Barossa Cooperage; Coonawarra Cellars; Kangaroo Island Honey; Glenelg Tramway Trust;
Whyalla Rail Wagons; Coober Pedy Opals; Darwin Crocodile Leather; Arnhem Art Gallery; Alice Springs Camel Treks;
Kununurra Melons; Pilbara Haul Roads; Geraldton Lobster Pots; Bunbury Mineral Sands; Margaret River Chocolate;
Esperance Kelp; Nullarbor Roadhouses; Rockhampton Saddlery; Mackay Sugar Terminals; Townsville Tropical Fruit;
Gladstone Tug Services; Bundaberg Ginger; Noosa Yoga Retreats; Ipswich Locomotive Museum; Surfers Lifeguard Towers;
Byron Botanicals; Lismore Macadamias; Grafton Rowing Sheds; Coffs Banana Growers; Tamworth Guitar Makers;
Armidale Textbooks; Moree Cotton Gin; Bourke Irrigation; Broken Hill Assay; Lightning Ridge Jewellers;
Zenith Elevator Maintenance; Umbrella Court Reporters; Vortex Wind Turbines; Xanadu Carpets; Juniper Hearing Clinics;
Foxglove Florists; Tangerine Animation; Obsidian Kitchens; Sundial Almanacs
"""
NEW_ZEALAND_CUSTOMERS = """
Kererū Logistics; Rotorua Geothermal Baths; Wanaka Ski Hire; Dunedin Knitwear; Tauranga Kiwifruit Exports;
Picton Mussel Farms; Taranaki Gasfitters; Waiheke Ceramics
"""
UNITED_STATES_CUSTOMERS = """
Mojave Battery Storage; Chesapeake Crab Shippers; Sonoma Cork Importers; Duluth Canoe Outfitters;
Amarillo Helicopters; Nantucket Lighthouse Fund
"""
# In the ledger only: suppliers, and customers that Salesforce does not know.
LEDGER_ONLY = tuple(
    Contact(name)
    for name in (
        "Hunter Electricity Retail",
        "Telco One Business",
        "George Street Landlord Trust",
        "Paperclip Office Supplies",
        "Rapid Couriers",
        "Cleanaway Evenings",
        "Barristers Indemnity Cover",
        "Skyline Parking",
        "Green Bean Coffee Roasters",
        "Ledgerly Subscriptions",
    )
)
STREETS = (
    "Pitt Street", "Collins Street", "Queen Street", "King William Street", "St Georges Terrace", "London Circuit",
    "Mitchell Street", "Hunter Street", "Flinders Lane", "Eagle Street",
)  # fmt: skip
CITIES = {
    "NSW": ("Sydney", "2000"),
    "VIC": ("Melbourne", "3000"),
    "QLD": ("Brisbane", "4000"),
    "SA": ("Adelaide", "5000"),
    "WA": ("Perth", "6000"),
    "ACT": ("Canberra", "2601"),
    "NT": ("Darwin", "0800"),
}
WORK = (
    "Annual audit", "Quarterly advisory", "Ledger migration", "Tax season support", "Board workshop",
    "Payroll clean-up", "Systems review", "Year-end package", "Grant acquittals", "Finance team cover",
    "Forecast model", "Training days",
)  # fmt: skip


def names(text: str) -> list[str]:
    """The names of one of the lists above."""
    return [name.strip() for name in text.replace("\n", " ").split(";")]


def products() -> Iterator[Product]:
    """The 60 products, in the order of the price list."""
    for family, text in _PRICE_LIST.items():
        account, _name = FAMILY_ACCOUNTS[family]
        for entry in text.replace("\n", "|").split("|"):
            if not entry.strip():
                continue
            code, price, name = entry.strip().split(" ", 2)
            free = code.endswith("*")
            yield Product(code.rstrip("*"), name, family, price, "EXEMPTOUTPUT" if free else "OUTPUT", account)
    yield NO_CODE_PRODUCT
    yield RETIRED_RATE_PRODUCT
