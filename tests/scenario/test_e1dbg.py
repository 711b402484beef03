from tests.scenario.test_two_way_customers import *
def test_dbg(shared):
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone=None)
    n=len(shared.audit())
    r=shared.sync()
    print(r.agreed, r.applied, r.written_back, [(e.action,e.record_id,e.body) for e in shared.audit()[n:]])
    assert 0
