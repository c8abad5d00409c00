use super::*;

fn judge(policy: &Policy, password: &str) -> Result<(), Weakness> {
    policy.judge(&Password::new(password, 8).unwrap())
}

fn ada(min_score: u8) -> Policy {
    Policy::new(min_score, ["ada.lovelace@example.com", "Ada King", "O’Byron", "Soko Ltd", "+254712123456", "", "x"])
}

#[test]
fn common_passwords_are_rejected_at_any_required_score() {
    for min_score in [0, MIN_SCORE, MAX_SCORE] {
        for common in [
            "password",
            "12345678",
            "Passw0rd",
            "drowssap",
            "letmein1",
            "elizabeth",
            "SUNSHINE",
            "strawberry",
            "monkeymonkey",
        ] {
            assert_eq!(judge(&ada(min_score), common), Err(Weakness::Common), "{common}");
        }
    }
}

#[test]
fn known_words_about_the_person_are_rejected() {
    for (min_score, password) in [
        (0, "ada.lovelace"),
        (0, "AdaLovelace"),
        (0, "ecalevol"),
        (0, "lovelacelovelace"),
        (0, "ada-king-soko"),
        (0, "lovelace 99!"),
        (0, "L0velace"),
        (0, "254712123456"),
        (3, "lovelace2026"),
        (3, "soko-ltd1"),
        (3, "adaking99"),
        (3, "byronbyron1"),
    ] {
        assert_eq!(judge(&ada(min_score), password), Err(Weakness::Personal), "{password}");
    }
    // A name among other words is accepted.
    assert_eq!(judge(&ada(MIN_SCORE), "lovelace waters seven cacti"), Ok(()));
    assert_ne!(judge(&Policy::new(MIN_SCORE, []), "ecalevol"), Err(Weakness::Personal));
}

#[test]
fn an_address_of_the_person_is_no_password_at_any_domain() {
    for password in [
        "ada.lovelace@example.com",
        "ada.lovelace@gmail.com",
        "Ada.Lovelace@Mail.Example.co.ke",
        "lovelace_ada@zahlreiche-anbieter.de",
        "ada.king@outlook.com",
        " ada.lovelace@gmail.com ",
        "254712123456@whatsapp.net",
    ] {
        for min_score in [0, MIN_SCORE] {
            assert_eq!(judge(&ada(min_score), password), Err(Weakness::Personal), "{password}");
        }
    }
    // What only looks like an address, or is that of another: judged as any other.
    for password in ["gwtp.4Zk@9xq", "quiet-harbour-71@plumage.example"] {
        assert_eq!(judge(&ada(MIN_SCORE), password), Ok(()), "{password}");
    }
}

#[test]
fn guessable_passwords_are_rejected_by_the_required_score() {
    for guessable in ["aaaaaaaa", "abcabcabc", "qwertzui1", "19840521", "abcdefghijk", "lighthouse1984"] {
        assert_eq!(judge(&Policy::new(MIN_SCORE, []), guessable), Err(Weakness::Guessable), "{guessable}");
        assert_eq!(judge(&Policy::new(0, []), guessable), Ok(()), "{guessable}");
    }
    assert_eq!(judge(&Policy::new(3, []), "correct horse"), Ok(()));
    assert_eq!(judge(&Policy::new(4, []), "correct horse"), Err(Weakness::Guessable));
    assert_eq!(judge(&Policy::new(4, []), "correct horse battery staple"), Ok(()));
    assert_eq!(judge(&Policy::new(4, []), "vX3$k9!mQz7w"), Ok(()));
}

#[test]
fn no_composition_is_required_and_every_script_is_accepted() {
    for fine in ["tungependa kuogelea usiku", "длинная фраза о погоде", "我们明天一起去看海吧", "👩🏾‍🚀🌋🦓🥁🪁🧭🍉🛶"]
    {
        assert_eq!(judge(&Policy::new(MIN_SCORE, []), fine), Ok(()), "{fine}");
    }
}

#[test]
fn a_common_word_stays_common_whatever_surrounds_it() {
    let mut wrong = Vec::new();
    for password in [
        "passwordpassword",
        "password password",
        "password-password-password1",
        "PasswordPassword!!",
        "P@ssw0rd2026!",
        "Summer2026!!",
        "!!2026summer",
        "SummerSummer2026",
        "Summ3r-2026",
        "January2026#",
        "Welcome-January-2026!",
        "Dragon1984!!",
        "Sommer2026!!",
        "Été2026!!!",
        "Octobre.2026",
        "Verano2026!!",
        "Kiangazi2026!",
        "Willkommen1!",
        "Michael2026!!",
    ] {
        wrong.extend([0, MIN_SCORE, MAX_SCORE].into_iter().filter_map(|min_score| {
            let judged = judge(&Policy::new(min_score, []), password);
            (judged != Err(Weakness::Common)).then_some((password, min_score, judged))
        }));
    }
    // The name of the service with the year is as usual as the season.
    for password in ["Soko2026!!", "Lovelace-2026-!!", "SokoPassword2026!", "SokoSummer2026"] {
        assert_eq!(judge(&ada(0), password), Err(Weakness::Personal), "{password}");
    }
    // With more than that, the score decides.
    for password in
        ["summer rain on seven roofs", "Summer-kx7Qv-2026", "dragon 83640182957", "password tango quilt ember"]
    {
        assert_eq!(judge(&Policy::new(MIN_SCORE, []), password), Ok(()), "{password}");
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn passwords_of_other_scripts_are_judged_too() {
    let mut wrong = Vec::new();
    for password in [
        "парольпароль",
        "Пароль123!",
        "Лето2026!!",
        "Сентябрь2026",
        "Привет2026!!",
        "йцукенгш",
        "Йцукен2026!!",
        "любовьлюбовь",
        "καλοκαίρι2026",
        "κωδικός1234",
        "ضصثقفغعه",
        "رمضان2026!!",
        "محمدمحمد",
        "שלוםשלום",
        "我爱你我爱你我爱你",
        "パスワード2026",
        "비밀번호1234",
        "ሰላምሰላምሰላም",
        "መስከረም2026!",
    ] {
        wrong.extend([0, MIN_SCORE].into_iter().filter_map(|min_score| {
            let judged = judge(&Policy::new(min_score, []), password);
            (judged != Err(Weakness::Common)).then_some((password, min_score, judged))
        }));
    }
    for password in ["абвгдежзиклм", "нннннннннн", "一一一一一一一一一", "海山海山海山海山", "ααααααααα"]
    {
        assert_eq!(judge(&Policy::new(MIN_SCORE, []), password), Err(Weakness::Guessable), "{password}");
    }
    for passphrase in [
        "вчера мы видели трёх журавлей у реки",
        "зелёный чайник поёт на крыше",
        "учора ми бачили трьох журавлів",
        "سافرنا أمس إلى مدينة بعيدة على البحر",
        "القط الأزرق يقرأ كتابا قديما",
        "ትናንት ወደ ገበያ ሄደን ቡና ገዛን",
        "昨天我们在河边看见三只白鹤",
        "紫色的茶壶在屋顶上唱歌",
        "ο μπλε γάτος διαβάζει εφημερίδα",
        "החתול הכחול קורא ספר ישן",
        "青い猫が古い本を読んでいる",
        "파란 고양이가 오래된 책을 읽는다",
        "नीली बिल्ली पुरानी किताब पढ़ती है",
    ] {
        wrong.extend([MIN_SCORE, MAX_SCORE].into_iter().filter_map(|min_score| {
            let judged = judge(&Policy::new(min_score, []), passphrase);
            judged.is_err().then_some((passphrase, min_score, judged))
        }));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_large_profile_is_bounded_and_not_printed() {
    let long = "a ".repeat(100_000);
    let many: Vec<String> = (0..1_000).map(|n| format!("name{n} part{n}")).collect();
    let policy = Policy::new(MIN_SCORE, many.iter().map(String::as_str).chain([long.as_str()]));
    assert_eq!(policy.words.len(), MAX_WORDS);
    assert!(policy.words.iter().all(|word| word.chars().count() <= MAX_WORD_CHARS));
    assert!(!format!("{policy:?}").contains("name1"));
}

#[test]
fn breach_hashes_match_the_published_ones() {
    // "password" in the Pwned Passwords list, and RFC 3174's "abc" (which is too short for a password).
    let [typed, normalised] = Password::attempt("password").breach_hashes();
    assert_eq!(hex::encode_upper(typed), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
    assert_eq!(typed, normalised);
    let [typed, normalised] = Password::attempt("\u{FF41}bc").breach_hashes();
    assert_eq!(hex::encode(normalised), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_ne!(typed, normalised);
}
