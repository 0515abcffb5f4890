from tests.ingest.ingesting import OBJECT, RUN_ID, SLOT, expected_row
import time
def test_smoke(ingesting):
    ingesting.authorize(*ingesting.slugs)
    ingesting.cloud.faults.calls.clear()
    t=time.perf_counter()
    a = ingesting.run()
    print("FIRST", time.perf_counter()-t)
    print("\n".join(ingesting.cloud.faults.calls))
    ingesting.load()
    for i in range(1,5):
        ingesting.travel(hours=1)
        ingesting.cloud.faults.calls.clear()
        t=time.perf_counter()
        a=ingesting.run(ingesting.cloud.clock.now().replace(minute=0,second=0,microsecond=0))
        print(time.perf_counter()-t, a.body["reason"])
    print("\n".join(ingesting.cloud.faults.calls))
    assert 0
