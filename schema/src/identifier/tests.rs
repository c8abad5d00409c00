use super::*;
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use proptest::prelude::*;

fn email(text: &str) -> String {
    Email::parse(text).unwrap().normalised
}

#[test]
fn spellings_of_one_address_are_one() {
    assert_eq!(email("  Ada@Example.COM "), "ada@example.com");
    assert_eq!(email("ada@b\u{fc}cher.example"), email("ada@xn--bcher-kva.example"));
    assert_eq!(email("e\u{301}@example.com"), email("\u{e9}@example.com"));
}

#[test]
fn dots_plus_signs_and_look_alikes_stay_different() {
    assert_ne!(email("a.da@example.com"), email("ada@example.com"));
    assert_ne!(email("ada+x@example.com"), email("ada@example.com"));
    // The dotless i has no other folding, and its upper-case neighbour is not an ASCII I.
    assert_ne!(email("m\u{131}ke@example.com"), email("mike@example.com"));
    assert_ne!(email("\u{130}@example.com"), email("i@example.com"));
    // FULLWIDTH K folds to k under NFKC, not under NFC.
    assert_ne!(email("\u{ff2b}@example.com"), email("k@example.com"));
}

#[test]
fn invalid_addresses_are_rejected() {
    for wrong in [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "a b@example.com",
        "a@b@example.com",
        "ada@ex ample.com",
        "Ada <ada@example.com>",
        "ada@example..com",
    ] {
        assert!(Email::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn spellings_of_one_phone_number_are_one() {
    for spelling in ["+254712123456", "+254 712 123 456", "+254-712-123456", "0712 123 456"] {
        assert_eq!(PhoneNumber::parse(spelling, Some("KE")).unwrap().normalised(), "+254712123456", "{spelling}");
    }
}

#[test]
fn letters_invalid_and_countryless_national_numbers_are_rejected() {
    for wrong in ["", "+1 800 FLOWERS", "0712 123 456", "+254", "+999123456789", "+254712123456;ext=1", "12"] {
        assert!(PhoneNumber::parse(wrong, None).is_err(), "{wrong}");
    }
}

#[test]
fn user_names_ignore_case_and_external_ids_do_not() {
    assert_eq!(Username::parse("Ada").unwrap().normalised(), "ada");
    assert!(Username::parse("ada@example.com").is_err());
    assert_ne!(ExternalId::parse("A1").unwrap().normalised(), ExternalId::parse("a1").unwrap().normalised());
    assert!(ExternalId::parse("a\nb").is_err());
}

#[test]
fn user_names_are_compared_by_the_profile_username_case_mapped() {
    let name = |text: &str| Username::parse(text).map(|name| name.normalised);
    for (text, normalised) in [
        ("Ada_99", "ada_99"),
        ("\u{ff21}\u{ff44}\u{ff41}", "ada"),
        ("E\u{301}lan", "\u{e9}lan"),
        ("\u{395}\u{3bb}\u{3ad}\u{3bd}\u{3b7}", "\u{3b5}\u{3bb}\u{3ad}\u{3bd}\u{3b7}"),
        ("\u{feff}\u{202a} ada\u{202c}\u{a0}", "ada"),
        ("\u{639}\u{644}\u{64a}", "\u{639}\u{644}\u{64a}"),
        ("\u{12a0}\u{1260}\u{1260}", "\u{12a0}\u{1260}\u{1260}"),
        // Hangul in the form that some file systems use.
        ("\u{110c}\u{1175}\u{1106}\u{1175}\u{11ab}", "\u{c9c0}\u{bbfc}"),
        ("fu\u{df}ball", "fu\u{df}ball"),
    ] {
        assert_eq!(name(text).as_deref(), Ok(normalised), "{text}");
    }
    for wrong in [
        "",
        "\u{200b}",
        "ad\u{202e}a",
        "a\u{200d}da",
        "a\u{200c}da",
        "a\u{ad}da",
        "a\u{e0061}da",
        "a\u{a0}da",
        "ada lovelace",
        "a\u{feff}da",
        "a\u{fe0f}da",
        "a\u{2028}da",
        "a\tda",
        "ada@x",
        "ada\u{ff20}x",
        "ada\u{2164}",
        "ada\u{1f600}",
        "\u{639}ada",
        &"a".repeat(65),
        // One character that has two in lower case.
        &"\u{130}".repeat(33),
    ] {
        assert!(name(wrong).is_err(), "{}", wrong.escape_unicode());
    }
}

#[test]
fn invisible_characters_are_removed_at_the_ends_and_rejected_inside() {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let hidden: Vec<char> = ('\0'..=char::MAX).filter(|c| c.is_control() || ignorable.contains(*c)).collect();
    for c in ['\u{202e}', '\u{fe0f}', '\u{e0041}', '\u{2060}', '\u{200b}', '\u{1}'] {
        assert!(hidden.contains(&c), "{c:?}");
    }
    for c in hidden {
        let around = |text: &str| format!("{c}{text}{c}");
        assert_eq!(email(&around("ada@example.com")), "ada@example.com", "{c:?}");
        assert_eq!(PhoneNumber::parse(&around("+254712123456"), None).unwrap().normalised(), "+254712123456");
        assert_eq!(ExternalId::parse(&around("A 1")).unwrap().as_stored(), "A 1", "{c:?}");
        assert_eq!(Username::parse(&around("Ada")).unwrap().as_stored(), "Ada", "{c:?}");
        assert!(Username::parse(&format!("A{c}da")).is_err(), "{c:?}");
        assert!(Email::parse(&format!("a{c}da@example.com")).is_err(), "{c:?}");
        assert!(Email::parse(&format!("ada@exam{c}ple.com")).is_err(), "{c:?}");
        assert!(PhoneNumber::parse(&format!("+2547{c}12123456"), None).is_err(), "{c:?}");
        assert!(ExternalId::parse(&format!("A{c}1")).is_err(), "{c:?}");
    }
    assert_eq!(ExternalId::parse("A\u{a0}1\u{2003}\u{2163}").unwrap().as_stored(), "A 1 \u{2163}");
}

#[test]
fn personal_data_is_not_in_debug_output() {
    assert!(!format!("{:?}", Email::parse("ada@example.com").unwrap()).contains("ada"));
}

proptest! {
    #[test]
    fn no_text_panics_and_normalising_is_idempotent(text in "\\PC{0,80}|[a-zA-Z\u{c0}-\u{24f}\u{391}-\u{3c9}]{1,20}") {
        if let Ok(parsed) = Email::parse(&text) {
            let reparsed = Email::parse(parsed.normalised()).unwrap();
            prop_assert_eq!(reparsed.normalised(), parsed.normalised());
        }
        if let Ok(parsed) = PhoneNumber::parse(&text, Some("KE")) {
            let reparsed = PhoneNumber::parse(parsed.normalised(), None).unwrap();
            prop_assert_eq!(reparsed.normalised(), parsed.normalised());
        }
        if let Ok(parsed) = Username::parse(&text) {
            for form in [parsed.as_stored(), parsed.normalised()] {
                let reparsed = Username::parse(form).unwrap();
                prop_assert_eq!(reparsed.normalised(), parsed.normalised());
            }
        }
        if let Ok(parsed) = ExternalId::parse(&text) {
            let reparsed = ExternalId::parse(parsed.as_stored()).unwrap();
            prop_assert_eq!(reparsed.normalised(), parsed.normalised());
        }
    }
}
