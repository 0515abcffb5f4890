from tests.ingest.ingesting import OBJECT, RUN_ID, SLOT, expected_row

def test_smoke(ingesting):
    ingesting.authorize(*ingesting.slugs)
    a = ingesting.run()
    print(a)
    ingesting.load()
    print(len(ingesting.plays()), ingesting.ledger())
    print(ingesting.run())
    assert 0
