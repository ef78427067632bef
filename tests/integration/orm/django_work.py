"""Django in one file: settings, its own migrations, models, and their work. usage: django_work.py HOST PORT USER PASSWORD DATABASE"""

import sys
from concurrent.futures import ThreadPoolExecutor

import django
from django.conf import settings

host, port, user, password, database = sys.argv[1:]
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": host, "PORT": port, "USER": user, "PASSWORD": password,
                           "NAME": database, "CONN_MAX_AGE": None, "OPTIONS": {"options": "-c search_path=shop,public"}}},
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import Group, Permission, User  # noqa: E402 - after the settings
from django.core.management import call_command  # noqa: E402
from django.db import DataError, IntegrityError, connection, connections, models, transaction  # noqa: E402


class Item(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.TextField()

    class Meta:
        app_label = "work"
        db_table = "items"


def equal(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, expected {wanted!r}")


def fails(error, work):
    try:
        work()
    except error:
        return
    sys.exit(f"expected {error.__name__}")


def in_atomic(work):
    return transaction.atomic()(work)


def migrations():
    call_command("migrate", verbosity=0)
    equal("permissions", Permission.objects.filter(codename="add_user").count(), 1)
    call_command("migrate", "auth", "0001", verbosity=0)
    call_command("migrate", verbosity=0)


def crud():
    Item.objects.create(id=4, name="four")
    equal("updated", Item.objects.filter(id__gt=3).update(name="FOUR"), 1)
    equal("read", Item.objects.get(id=4).name, "FOUR")
    equal("deleted", Item.objects.filter(id=4).delete()[0], 1)
    Item.objects.bulk_create(Item(id=n, name=f"n{n}") for n in range(100, 600))
    equal("in bulk", len(Item.objects.in_bulk(range(100, 600))), 500)
    ann = User.objects.create_user("ann")
    ann.groups.add(Group.objects.get_or_create(name="staff")[0])
    equal("joined", User.objects.filter(groups__name="staff").values_list("username", flat=True)[0], "ann")


def atomic_blocks():
    fails(IntegrityError, lambda: Item.objects.create(id=1, name="again"))
    with transaction.atomic():
        Item.objects.create(id=50, name="fifty")
        with transaction.atomic():
            Item.objects.filter(id=1).update(name="inner")
            transaction.set_rollback(True)
        fails(IntegrityError, in_atomic(lambda: Item.objects.create(id=50, name="again")))
        equal("after the savepoint", Item.objects.get(id=50).name, "fifty")
    fails(DataError, in_atomic(lambda: connection.cursor().execute("delete from items; select 1/0")))
    equal("undone", Item.objects.get(id=1).name, "one")


def iterators():
    """Within a transaction a cursor, without one a cursor WITH HOLD."""
    wanted = list(range(100, 600))
    rows = Item.objects.filter(id__gte=100).order_by("id")
    equal("held", [i.id for i in rows.iterator(chunk_size=70)], wanted)
    with transaction.atomic():
        pairs = zip(rows.iterator(chunk_size=70), rows.values_list("id", flat=True).iterator(chunk_size=50))
        equal("two at once", [(a.id, b) for a, b in pairs], [(n, n) for n in wanted])


def add(number):
    """Eight threads, each with its own connection, over fewer servers."""
    try:
        for n in range(10):
            with transaction.atomic():
                item = Item.objects.select_for_update().get(id=number % 3 + 1)
                item.name += "+"
                item.save()
            equal("its own row", Item.objects.get(id=100 + n).name, f"n{100 + n}")
    finally:
        connections.close_all()


migrations()
crud()
atomic_blocks()
iterators()
with ThreadPoolExecutor(8) as threads:
    list(threads.map(add, range(24)))
equal("sum", [i.name for i in Item.objects.order_by("id")[:3]], [name + "+" * 80 for name in ("one", "two", "three")])
print("all well")
