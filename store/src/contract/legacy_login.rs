//! What every adapter of an old system does.

use std::sync::Arc;

use umoja_crypto::{Password, SigningKey};
use umoja_schema::OldSystem;

use crate::ports::{KnownAs, LegacyAnswer, LegacyError, LegacyLogin, Question};

/// The password that [`OldWorld::system`] takes.
pub const RIGHT: &str = "correct horse battery staple";

/// An old system that runs, and one that does not.
pub struct OldWorld {
    /// The adapter.
    pub login: Arc<dyn LegacyLogin>,
    /// A system that knows the user [`user`] with the password [`RIGHT`].
    pub system: OldSystem,
    /// A system that knows the user and asks for a second factor after the password; the same if there is none.
    pub with_second_factor: OldSystem,
    /// A system that does not answer.
    pub dead: OldSystem,
    /// How many questions `system` has received; `None` if it does not count them.
    pub asked: Box<dyn Fn() -> Option<usize> + Send + Sync>,
    /// A value that must live as long as the test.
    pub guard: Box<dyn std::any::Any + Send + Sync>,
}

/// The user that the system knows.
pub fn user() -> KnownAs {
    KnownAs { external_id: Some("ada-1".to_owned()), email: Some("ada@example.com".to_owned()), ..KnownAs::default() }
}

async fn asked(world: &OldWorld, system: &OldSystem, user: &KnownAs, text: &str) -> Result<LegacyAnswer, LegacyError> {
    let (key, password) = (SigningKey::from_seed("signing-1", [7; 32]), Password::attempt(text));
    let question = Question { system, user, password: &password, id: "question-1", at_secs: 1_700_000_000, key: &key };
    world.login.verify(&question).await
}

pub async fn only_the_right_password_is_right(world: OldWorld) {
    assert_eq!(asked(&world, &world.system, &user(), RIGHT).await, Ok(LegacyAnswer::Right));
    for wrong in ["", "Correct horse battery staple", "correct horse battery staple "] {
        assert_eq!(asked(&world, &world.system, &user(), wrong).await, Ok(LegacyAnswer::Wrong), "{wrong:?}");
    }
}

pub async fn an_unknown_user_has_no_password(world: OldWorld) {
    let unknown = KnownAs { external_id: Some("bob-1".to_owned()), ..KnownAs::default() };
    assert_eq!(asked(&world, &world.system, &unknown, RIGHT).await, Ok(LegacyAnswer::Wrong));
    assert!(
        asked(&world, &world.system, &KnownAs::default(), RIGHT)
            .await
            .is_ok_and(|answer| answer == LegacyAnswer::Wrong)
    );
}

pub async fn a_missing_second_factor_means_that_the_password_was_right(world: OldWorld) {
    assert_eq!(asked(&world, &world.with_second_factor, &user(), RIGHT).await, Ok(LegacyAnswer::Right));
    assert_eq!(asked(&world, &world.with_second_factor, &user(), "wrong").await, Ok(LegacyAnswer::Wrong));
}

pub async fn a_dead_system_is_an_error(world: OldWorld) {
    assert!(matches!(asked(&world, &world.dead, &user(), RIGHT).await, Err(LegacyError::Unavailable(_))));
}

pub async fn each_question_is_asked_once(world: OldWorld) {
    let before = (world.asked)();
    asked(&world, &world.system, &user(), RIGHT).await.unwrap();
    asked(&world, &world.system, &user(), "wrong").await.unwrap();
    assert_eq!((world.asked)(), before.map(|before| before + 2));
}

pub async fn an_error_has_nothing_of_the_question(world: OldWorld) {
    let error = asked(&world, &world.dead, &user(), RIGHT).await.unwrap_err();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("horse") && !text.contains("ada"), "{text}");
    }
}
