//! Small headers: what is read from them, and what is refused with which words.

use groma_bindings::api::{Ownership, Role};
use groma_bindings::{Api, Refusal, files, read};

/// What every header has.
const START: &str = "\
/* ---------------------------------------------------------------------------------------
 * Versions: two numbers.
 */

/** Major. */
#define GROMA_ABI_MAJOR 0

/** Minor. */
#define GROMA_ABI_MINOR 2

/** The outcome. */
typedef int32_t groma_status_t;

/** What went wrong. */
typedef struct groma_error_t groma_error_t;

/** Frees an error. */
void groma_error_destroy(groma_error_t *error);

/** A thing. */
typedef struct groma_thing_t groma_thing_t;

/** Frees a thing. */
void groma_thing_destroy(groma_thing_t *thing);
";

fn api(text: &str) -> Api {
    read(&format!("{START}{text}")).unwrap_or_else(|refusals| panic!("{refusals:?}"))
}

/// The one thing that is wrong with a header; its line counts from the text that is added.
fn refused(text: &str) -> Refusal {
    let refusals = read(&format!("{START}{text}")).map(|_| ()).unwrap_err();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    let Refusal { line, reason } = refusals.into_iter().next().unwrap();
    Refusal { line: line.saturating_sub(START.lines().count()), reason }
}

#[test]
fn a_function_is_read_with_its_roles() {
    let api = api("
/**
 * Makes a thing of
 * numbers.
 *
 * Twice.
 *
 * @param values  @nullable `count` numbers
 * @param count   how many
 * @param thing   @owned destroy it with
 *                `groma_thing_destroy`
 */
groma_status_t groma_thing_make(const float *values,
                                uint64_t count,
                                groma_thing_t **thing,
                                groma_error_t **error);

/**
 * Name of part `index`.
 *
 * @return @borrowed @nullable NULL if there is none
 */
const char *groma_thing_name(const groma_thing_t *thing, uint64_t index);
");
    let make = &api.functions[2];
    assert_eq!(make.doc, "Makes a thing of numbers.\n\nTwice.");
    assert_eq!(make.section, "Versions");
    let roles: Vec<Role> = make.params.iter().map(|param| param.role).collect();
    assert_eq!(roles, [Role::Array, Role::Value, Role::OutHandle, Role::Error]);
    assert_eq!(make.params[2].doc, "destroy it with `groma_thing_destroy`");
    let nullable: Vec<bool> = make.params.iter().map(|param| param.nullable).collect();
    assert_eq!(nullable, [true, false, false, true]);
    let name = &api.functions[3];
    assert_eq!((name.returns.ownership, name.returns.nullable), (Some(Ownership::Borrowed), true));
    assert!(name.params[0].nullable, "getters take NULL");
}

#[test]
fn structs_are_laid_out_as_compilers_do() {
    let api = api("
/** Called. */
typedef int32_t (*groma_call_fn)(void *user, uint64_t done);

/** Small. */
typedef struct groma_small_t {
    /** One byte. */
    uint8_t code;
    /** Two, two bytes in. */
    uint16_t lanes;
} groma_small_t;

/** Large. */
typedef struct groma_large_t {
    /** Size. */
    uint32_t struct_size;
    /** Inside. */
    groma_small_t small;
    /** Three. */
    double scale[3];
    /** Text. */
    const char *name;
    /** Call. */
    groma_call_fn call;
    /** Last, with padding behind it. */
    uint8_t last;
} groma_large_t;

/**
 * Fills it.
 *
 * @param struct_size  its size
 */
void groma_large_init(groma_large_t *large, uint32_t struct_size);
");
    let small = &api.structs[0];
    assert_eq!((small.size, small.align, small.fields[1].offset), (4, 2, 2));
    let large = &api.structs[1];
    let offsets: Vec<u64> = large.fields.iter().map(|field| field.offset).collect();
    assert_eq!(offsets, [0, 4, 8, 32, 40, 48]);
    assert_eq!((large.size, large.align, large.init.as_deref()), (56, 8, Some("groma_large_init")));
    assert_eq!(large.fields[2].length, Some(3));
}

#[test]
fn what_only_cpp_reads_is_left_out() {
    let api = read(&format!(
        "#ifndef G\n#define G\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n{START}\n#ifdef __cplusplus\n}}\n#endif\n#endif\n"
    ));
    assert_eq!(api.unwrap().handles.len(), 2);
}

#[test]
fn what_lacks_words_or_owners_is_refused_with_its_line() {
    let cases = [
        ("\nvoid groma_quiet(void);\n", 2, "`groma_quiet` has no documentation"),
        ("\n/** A. */\n\nvoid groma_far(void);\n", 4, "`groma_far` has no documentation"),
        ("\n/**\n * @return 1\n */\nint32_t groma_mute(void);\n", 5, "says nothing"),
        ("\n#define GROMA_BARE 1\n", 2, "`GROMA_BARE` has no documentation"),
        ("\n/** Words. */\n#define GROMA_WORDS \"text\"\n", 3, "expected a number"),
        ("\n/** A. */\nconst char *groma_name(void);\n", 3, "needs `@return @borrowed`"),
        (
            "\n/**\n * A.\n *\n * @return @borrowed\n */\nconst float *groma_numbers(const groma_thing_t *thing);\n",
            7,
            "how long",
        ),
        (
            "\n/**\n * A.\n *\n * @return @borrowed @nullable\n */\nconst char *groma_name(void);\n",
            7,
            "what NULL means",
        ),
        (
            "\n/**\n * A.\n *\n * @return @borrowed it is\n */\nuint64_t groma_count(void);\n",
            7,
            "only pointers have owners",
        ),
        ("\n/** A. */\nchar *groma_name(void);\n", 3, "must be a `const` pointer"),
        ("\n/** A. */\ngroma_status_t groma_make(groma_thing_t **thing, groma_error_t **error);\n", 3, "say @owned"),
        ("\n/** A. */\ngroma_status_t groma_take(const float *values, uint64_t count);\n", 3, "how long the array is"),
        ("\n/** A. */\nvoid groma_user(void *user);\n", 3, "say what the pointer is"),
        ("\n/**\n * A.\n *\n * @param n  @owned it\n */\nvoid groma_n(uint64_t n);\n", 7, "not say whose a number is"),
        ("\n/**\n * A.\n *\n * @param m  it\n */\nvoid groma_n(uint64_t n);\n", 7, "`@param m` names no parameter"),
        ("\n/**\n * A.\n *\n * @param n  @lent it\n */\nvoid groma_n(uint64_t n);\n", 7, "`@lent` is none of"),
        ("\n/**\n * A.\n *\n * @since 1\n */\nvoid groma_n(uint64_t n);\n", 7, "`@since` is no tag"),
        (
            "\n/** A. */\ngroma_status_t groma_first(groma_error_t **error, uint64_t n);\n",
            3,
            "must be the last parameter",
        ),
        ("\n/** A. */\nvoid groma_long(long n);\n", 3, "the type `long` of `n` is not known"),
        ("\n/** A. */\nvoid groma_nameless(uint64_t);\n", 3, "has no name"),
        ("\n/** A. */\ntypedef long groma_wide_t;\n", 3, "not the same size everywhere"),
        ("\n/** A. */\ntypedef struct groma_lost_t groma_lost_t;\n", 3, "has no `groma_lost_destroy`"),
        (
            "\n/** A. */\ntypedef struct groma_s_t {\n    int32_t quiet;\n} groma_s_t;\n",
            4,
            "`groma_s_t.quiet` has no documentation",
        ),
        (
            "\n/** A. */\ntypedef struct groma_s_t {\n    /** B. */\n    size_t n;\n} groma_s_t;\n",
            5,
            "has no fixed size",
        ),
        ("\n/** A. */\nvoid groma_thing_destroy(groma_thing_t *thing);\n", 0, "declared twice"),
        ("\nenum groma_e { A };\n", 2, "is not understood"),
        ("\n/** A. */\nint32_t groma_variable;\n", 3, "not a function"),
        ("\n/** A. */\nvoid groma_f(void), groma_g(void);\n", 3, "more than one name"),
        ("\n/** A. */\ntypedef int32_t groma_a_t, groma_b_t;\n", 3, "more than one name"),
        (
            "\n/** A. */\ntypedef struct groma_s_t {\n    /** B. */\n    int32_t a, b;\n} groma_s_t;\n",
            5,
            "more than one name",
        ),
        ("\n/** A. */\ntypedef struct groma_s_t {\n    /** B. */\n    uint32_t a : 3;\n} groma_s_t;\n", 5, "`: 3`"),
        (
            "\n/** A. */\ntypedef struct __attribute__((packed)) groma_s_t {\n    /** B. */\n    uint32_t a;\n} groma_s_t;\n",
            3,
            "`__attribute__((packed))`",
        ),
        (
            "\n/** A. */\ntypedef struct groma_s_t {\n    /** B. */\n    uint32_t a;\n} __attribute__((packed)) groma_s_t;\n",
            0,
            "`__attribute__((packed))`",
        ),
        ("\n/** A. */\ntypedef int32_t *groma_p_t;\n", 3, "no other names"),
        ("\n/** A. */\ntypedef int32_t groma_p_t[3];\n", 3, "no other names"),
        ("\n/** A. */\ntypedef int32_t groma_p_t(void);\n", 3, "is not a pointer to a function"),
        ("\n/** A. */\ntypedef int32_t *(*groma_p_t)(void);\n", 3, "no other names"),
        ("\n/** A. */\ntypedef void (*groma_call_fn)(long n);\n", 3, "the type `long` in `groma_call_fn`"),
        ("\n/** A. */\ntypedef void (*groma_call_fn)(groma_none_t *n);\n", 3, "in `groma_call_fn` is not known"),
        ("\n#if 0\n/** A. */\nvoid groma_f(void);\n#endif\n", 2, "only the guard"),
        ("\n#ifdef GROMA_MORE\n#endif\n", 2, "only the guard"),
        ("\n#ifndef G\n#endif\n#ifndef H\n#endif\n", 4, "only the guard"),
        (
            "\n/**\n * A.\n *\n * @param values  `count` numbers\n */\nvoid groma_fill(float *values, uint64_t count);\n",
            7,
            "arrays are `const`",
        ),
        (
            "\n/**\n * A.\n *\n * @param things  all\n */\nvoid groma_all(groma_thing_t *const *things);\n",
            7,
            "`T *const *`",
        ),
        ("\n/** A. */\n#define GROMA_STATUS_OK 0\n\n/** B. */\n#define GROMA_STATUS_FINE 0\n", 6, "are both 0"),
    ];
    for (text, line, words) in cases {
        let Refusal { line: found, reason } = refused(text);
        assert!(reason.contains(words), "{text}\n{reason}");
        assert!(line == 0 || found == line, "{text}\nline {found}: {reason}");
    }
}

#[test]
fn structs_that_say_their_size_go_into_node_and_come_out() {
    let api = api("
/** A view. */
typedef struct groma_view_t {
    /** Its size. */
    uint32_t struct_size;
} groma_view_t;

/**
 * Fills it.
 *
 * @param struct_size  its size
 */
void groma_view_init(groma_view_t *view, uint32_t struct_size);

/**
 * Looks.
 *
 * @param view  receives the view
 */
void groma_thing_look(const groma_thing_t *thing, groma_view_t *view);
");
    let files = files(&api);
    let (_, script) = files.iter().find(|(place, _)| place.ends_with("node/low.js")).unwrap();
    assert!(script.contains("groma_view_init: ['void', [koffi.out('groma_view_t *'), 'uint32_t']]"), "{script}");
    let look = "groma_thing_look: ['void', ['groma_thing_t *', koffi.inout('groma_view_t *')]]";
    assert!(script.contains(look), "{script}");
}

#[test]
fn files_are_the_same_every_time() {
    let header = format!("{START}\n/** It says `a < b`. */\n#define GROMA_MARK_ONE 1\n");
    let (first, second) = (files(&read(&header).unwrap()), files(&read(&header).unwrap()));
    assert_eq!(first, second);
    for (place, text) in first {
        assert!(text.ends_with('\n') && !text.contains('\r') && !text.contains(" \n"), "{place}");
        assert!(text.contains("do not edit"), "{place}");
        assert!(text.contains("GROMA_MARK_ONE"), "{place}");
    }
}
