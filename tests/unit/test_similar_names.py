"""Names that people write in two ways, and names of two customers: what is asked about and what is not.

A question too few makes a customer twice; a question too many costs a minute. So the first list holds whole, and of the
second only names that differ in a word that begins otherwise, or in more than a letter, are told apart.
"""

from __future__ import annotations

import pytest

from crossfoot.core.names import clash_in_number, name_key
from crossfoot.engine.planning.similar import similar_names

ONE_CUSTOMER = """
Brightwater Legal Pty Ltd | Brightwater Legal
Acme Pty Ltd | ACME PTY. LIMITED
Müller Bau GmbH | Mueller Bau
Müller Bau GmbH | Muller Bau GmbH
Smith & Sons | Smith and Sons
Smith & Sons | Smith + Sons Pty Ltd
Johnson Brothers Plumbing | Johnson Bros Plumbing
Johnson Bros. Plumbing | Johnson Bros Plumbing P/L
International Paper Supplies | Intl Paper Supplies
St John Ambulance | Saint John Ambulance
Mount Gambier Tyres | Mt Gambier Tyres
BlueGum Consulting | Blue Gum Consulting
Bluegum Consulting | Blue Gum Consulting
A.B.C. Motors | ABC Motors
A B C Motors | ABC Motors
Sydney University | University of Sydney
The University of Sydney | University of Sydney
Department of Health NSW | NSW Department of Health
Dept of Health NSW | Department of Health (NSW)
Harbour Cafe | Harbour Café
Northern Constructions | Northern Construction
Gold Coast Electrical Services | Gold Coast Electrical Svcs
Gold Coast Electrical Services | Goldcoast Electrical Services Pty Ltd
Western Sydney Logistics | Westrn Sydney Logistics
Western Sydney Logistics | Western Sydny Logistcs
Kiwi Orchards Limited | Kiwi Orchards (NZ) Ltd
Pacific Engineering Group | Pacific Engineering
Pacific Eng Group | Pacific Engineering Group
Jane Doe | Doe, Jane
J Doe Consulting | Jane Doe Consulting
Robert Brown Builders | Bob Brown Builders
Zeta Holdings Pty Ltd ATF The Zeta Family Trust | Zeta Holdings Pty Ltd
Zeta Holdings Pty Ltd as trustee for Zeta Trust | Zeta Holdings
Coastal Media Pty Ltd T/A Coastal Signs | Coastal Media
Coastal Media Pty Ltd trading as Coastal Signs | Coastal Signs
Telstra | Telstra Corporation Limited
IBM | IBM Australia
Xylem Water | Xylem Watter
O'Brien Glass | OBrien Glass
O'Brien Glass | O’Brien Glass
Mc Donald Farms | McDonald Farms
Société Générale | Societe Generale SA
Compañía Minera | Compania Minera S.A.
Straße Design | Strasse Design
Łódź Textiles | Lodz Textiles
Øresund Shipping ApS | Oresund Shipping
Yamada 株式会社 | Yamada
Quick Print Co. | Quick Print Company
Quickprint | Quick Print
Main St Bakery | Main Street Bakery
First National Real Estate | 1st National Real Estate
Seven Seas Fishing | 7 Seas Fishing
Data#3 | Data 3
7-Eleven Stores | 7 Eleven Stores Pty Ltd
Centre Point Dental | Center Point Dental
Organisation Solutions | Organization Solutions
Hughes Associates | Hughes & Assoc
Riverside Manufacturing | Riverside Mfg
Riverside Management Services | Riverside Mgmt Services
Evergreen Cinemas | Evergreen Cinema
Evergreen Cinemas | Ever Green Cinemas
Evergreen Cinemas | Evergren Cinemas
Evergreen Cinemas | Evergreen Cinemas - Sydney
Evergreen Cinemas | Evergreen Cinemas (Head Office)
Nguyen Trading | Nguyễn Trading
Café du Monde | Cafe du Monde
Bain | Bain & Company
Deloitte | Deloitte Touche Tohmatsu
Acme | Acme Widgets
Woolworths | Woolworth's
Aldi | ALDI Stores
Delta Force Security | Deltaforce Security
Siegerland Stahl AG | Siegerland Stahl Aktiengesellschaft
Weiß & Söhne KG | Weiss und Soehne KG
Århus Møbler | Aarhus Mobler
Compañía Minera S.A. de C.V. | Compania Minera S.A.
Żółty Ser Sp. z o.o. | Zolty Ser Sp z oo
株式会社山田製作所 | 山田製作所株式会社
㈱北海水産 | 株式会社北海水産
上海明珠贸易有限公司 | 上海明珠贸易
(주)한빛전자 | 주식회사 한빛전자
ООО Ромашка | Ромашка
บริษัท สยามไหม จำกัด | สยามไหม
شركـة المنــار | شركة المنار
مخبز ٢٤ ساعة | مخبز 24 ساعة
Shire of Nannup | Nannup Shire Council
L'Atelier d'Étienne | Latelier d Etienne
R. J. Whitlock | Robert Whitlock
Frau Dr. Ulrike Jäger | Ulrike Jaeger
Twenty Mile Ranch | 20 Mile Ranch
Tamworth Guitars | Tamworth Guitars ABN 51 824 753 556
Timaru Wool Stores | Timaru Woolstores 2019 Limited
Hume Hwy Motors | Hume Highway Motors
Lorne Surf Life Saving Club Inc | Lorne SLSC
Warrnambool Whalers FC | Warrnambool Whalers Football Club
5th Street Diner | Fifth Street Diner
Perth Building Soc | Perth Building Society
Prof Services | Professional Services
Royal Flying Doctor Service | RFDS
Royal National Lifeboat Institution | R.N.L.I.
YMCA of Greater Toledo | Young Men's Christian Association of Greater Toledo
Distrib. Andina | Distribuidora Andina S.A.S.
Ayto. de Ronda | Ayuntamiento de Ronda
Omaha Mfrs | Omaha Manufacturing
Dales Veg Box | Dales Vegetable Box Scheme
Mtn View Apts | Mountain View Apartments
P. Smith | Peter Smith
Dr. Priya Raghunathan | Raghunathan Dr P
Mairie de Vire | Commune de Vire
ТОВ «Зоря» | Товариство з обмеженою відповідальністю "Зоря"
Ковальчук Сергій | Serhii Kovalchuk
Γιώργος Νικολαΐδης | Giorgos Nikolaidis
Van den Berg Bouw B.V. | vd Berg Bouw BV
Hanrahan Excavations | Hanrahan Excavation & Earthmoving
Kwik Fix Plumbing | Kwikfix Plumbing Services
Jack Wainwright trading as Wainwright Joinery | J Wainwright Joinery
深圳市恒达电子有限公司 | 恒达电子
医療法人社団 青空会 | 青空会
Green Leaf Landscapes | Greenleaf Landscaping
Mildura Citrus Packers | Mildura Citrus Packing Co
Castlegate Theatre | Castlegate Theater Trust
Twenty-Four Hour Towing | 24 Hour Towing
Southwest Gov't Relations | Southwest Government Relations
Lim Ah Seng Trading (S) Pte. Ltd. | Lim Ah Seng Trading Singapore Pte Ltd
1048823 Ontario Ltd o/a Bayside Auto Body | Bayside Auto Body
Boulangerie L'Épi d'Or | Boulangerie Epi d Or
Cia. Paranaense de Papel | Companhia Paranaense de Papel
Sr. Adalberto Queiroz | Adalberto Queiroz MEI
ООО «Северный Лес» | Severny Les OOO
Stadt Wiesenburg | Landeshauptstadt Wiesenburg
Harzer Käse Vertriebs GmbH | Harzer Käse Vertriebsgesellschaft mbH
HM Revenue & Customs | HMRC
Cooloola Ferries | Cooloola Ferry Company
Unity Churches Trust | Unity Church
Ing.-Büro Lautenschläger | Ingenieurbuero Lautenschlaeger
Drs Patel, Khan & Moore | Patel Khan and Moore Surgery
R. J. Whitlock Joinery | R Whitlock Joinery
Mike Kowalczyk Tiling | Michael Kowalczyk
Bäckerhaus Zürn | BÃ¤ckerhaus ZÃ¼rn
Casterton Kelpies & Co | Casterton Kelpies &amp; Co
Walcha Wool | Wal\u200bcha Wo\u00adol
Robe Lobster Co | Robe Lobster Co (Acct 10442)
Aberfeldy Watermill | Aberfeldy Watermill, Perthshire PH15 2BG
Barcaldine Boots | Barcaldine Boots -1
"""
TWO_CUSTOMERS = """
Depot 12 | Depot 13
Block A Owners | Block B Owners
Smith Plumbing | Smyth Electrical
Gold Coast Electrical | Sunshine Coast Electrical
Pacific Engineering | Atlantic Engineering
Harbour Cafe | Harbour Hotel
Jane Doe | John Doe
Brightwater Legal | Brightwater Dental
Alpha Trading | Beta Trading
City of Perth | City of Bath
Department of Health | Department of Education
Telstra | Optus
Green Leaf Landscapes | Red Leaf Landscapes
Zeta Holdings | Beta Holdings
Main Street Bakery | High Street Bakery
Evergreen Cinemas | Evergreen Nurseries
Mount Gambier Tyres | Mount Isa Tyres
Riverside Dental | Riverside Medical
Coastal Media | Coastal Meats
Store 101 | Store 110
Unit 5 Strata | Unit 6 Strata
Sydney Grammar School | Melbourne Grammar School
First National Real Estate | Second National Real Estate
Delta Dental | Delta Rental
Lorne SLSC | Lorne Surf Riders Club
East Gosford Medical | West Gosford Medical
Mayfair Cars | Mayfair Bars
Raj Exports Mumbai | Taj Exports Mumbai
Завод 1 | Завод 2
مخبز ٢٤ | مخبز ٢٥
Opportunity Fund II LP | Opportunity Fund III LP
Fairway Trust 7A | Fairway Trust 7B
Jones R | Jones Roofing
PC World | World Vision
Brown Family Trust | Family Trust of B Hall
주식회사 월드 | (주) 월드금고
Block D Ashwood | Block L Ashwood
Store 24 Towing | Twenty-Five Towing
Jose Ramirez Jr. | Jose Ramirez Sr.
Bäckerei Stein | Bäckerei Steiner Höfe
"""
NOT_SEEN = """
Australian Broadcasting Corporation | ABC
北京長城酒業有限公司 | 北京长城酒业有限公司
"""


def pairs(text: str) -> list[list[str]]:
    return [line.split(" | ") for line in text.strip().splitlines()]


def asks(left: str, right: str) -> bool:
    key, other = name_key(left), name_key(right)
    return not clash_in_number(key, other) and (key == other or 0 in similar_names(key, [other]))


@pytest.mark.parametrize(("left", "right"), pairs(ONE_CUSTOMER))
def test_one_customer_in_two_spellings_is_asked_about_from_either_side(left: str, right: str) -> None:
    assert asks(left, right)
    assert asks(right, left)


@pytest.mark.parametrize(("left", "right"), pairs(TWO_CUSTOMERS))
def test_two_customers_are_not_asked_about(left: str, right: str) -> None:
    assert not asks(left, right)
    assert not asks(right, left)


@pytest.mark.parametrize(("left", "right"), pairs(NOT_SEEN))
def test_what_names_alone_do_not_show(left: str, right: str) -> None:
    """A known limit: the e-mail address, the phone number or the ABN may still show it."""
    assert not asks(left, right)


def test_names_that_are_told_apart_take_no_room_of_the_closest() -> None:
    others = [f"{first}ay street dental" for first in "cdfghjklmnprstvwxyz"] * 2 + ["bay street dentel"]
    assert similar_names("bay street dental", others) == {len(others) - 1}


def test_a_name_of_signs_alone_is_like_no_other() -> None:
    assert not asks("***", "Bay Street Dental")
    assert not asks("Bay Street Dental", "***")
