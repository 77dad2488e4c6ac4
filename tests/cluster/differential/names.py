"""Names of statements: long ones, odd ones, and those that pgweir uses itself."""

from .notation import B, CS, DS, E, P, Q, S


def lives(name):
    """A statement of this name is made, described, used, used again, closed, missed."""
    return [[P("select 'x' as a", name), DS(name), B(of=name), E(), S], [B(of=name), E(), S],
            [P("select 2", name), S], [CS(name), S], [B(of=name), S], [DS(name), S]]


SCRIPTS = {
    "name_of_63_bytes": lives("n" * 63),
    "name_of_64_bytes": lives("n" * 64),
    "name_of_64_bytes_differs_in_the_last": [
        [P("select 1", "n" * 63 + "a"), P("select 2", "n" * 63 + "b"), S],
        [B(of="n" * 63 + "a"), E(), B(of="n" * 63 + "b"), E(), S]],
    "name_of_1000_bytes": lives("n" * 1000),
    "name_of_20000_bytes": lives("n" * 20000),
    "name_with_quotes": lives('a"b\'c\\d'),
    "name_with_white_space": lives(" a\tb\nc "),
    "name_with_a_percent": lives("%s%n%d"),
    "name_in_utf8": lives("žluťoučký_🐘"),
    "name_in_capitals": lives("ABC"),
    "name_of_ours": lives("pgweir_none"),
    "name_of_ours_never_made": [[B(of="pgweir_none"), S], [DS("pgweir_none"), S], [CS("pgweir_none"), S]],
    "name_of_ours_in_sql": [Q("prepare pgweir_none as select 1"), Q("execute pgweir_none"),
                            Q("deallocate pgweir_none")],
    "names_by_case_are_two": [[P("select 1", "a"), P("select 2", "A"), S], [B(of="A"), E(), B(of="a"), E(), S]],
    "deallocate_of_a_quoted_name": [
        [P("select 1", 'My "x"'), S], Q('deallocate "My ""x"""'), [B(of='My "x"'), S]],
    "deallocate_of_capitals": [[P("select 1", "ABC"), S], Q("deallocate ABC"), Q('deallocate "ABC"'),
                               [B(of="ABC"), S]],
    "deallocate_of_64_bytes": [[P("select 1", "n" * 64), S], Q(f"deallocate {'n' * 64}"),
                               [B(of="n" * 64), E(), S]],
    "deallocate_with_a_comment": [[P("select 1", "s"), S], Q("/* now */ deallocate prepare s -- done"),
                                  [B(of="s"), S]],
    "deallocate_with_a_semicolon": [[P("select 1", "s"), S], Q("deallocate s;"), [B(of="s"), S]],
}
