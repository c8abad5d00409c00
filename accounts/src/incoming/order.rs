//! What a new event changes, by the provider's times alone.

use std::cmp::Ordering;

use umoja_schema::{Feed, LinkState, Mark, Millis, Standing};

/// What an event says.
#[derive(Debug, Clone, Default)]
pub(super) struct Said<'a> {
    /// The time of the values, and their hash.
    pub(super) values: Option<(Millis, &'a str)>,
    /// The standing since a time.
    pub(super) standing: Option<Mark>,
}

/// The state of a user at its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// What is kept in the profile part.
    pub(super) feed: Feed,
    /// The state of the link to the company.
    pub(super) link: LinkState,
}

/// The state after an event, and what is new in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    /// The state.
    pub(super) state: State,
    /// True if the values have to be set.
    pub(super) sets_values: bool,
    /// The standing, if it is newer than the one before.
    pub(super) standing: Option<Mark>,
    /// True if the event is older in everything that it says.
    pub(super) is_older: bool,
}

impl State {
    /// The standing, and since when.
    pub(super) const fn mark(&self) -> Mark {
        let standing = match self.link {
            _ if self.feed.is_deleted => Standing::Deleted,
            LinkState::Suspended => Standing::Suspended,
            LinkState::Active => Standing::Active,
        };
        Mark { at: self.feed.status_at, standing }
    }

    /// The state after an event.
    pub(super) fn after(&self, said: &Said<'_>) -> Next {
        let mut state = self.clone();
        let values = said.values.map(|(at, content)| {
            let order = (at, Some(content)).cmp(&(self.feed.at, self.feed.content.as_deref()));
            if order == Ordering::Greater {
                (state.feed.at, state.feed.content) = (at, Some(content.to_owned()));
            }
            order
        });
        let standing = said.standing.map(|mark| {
            let order = mark.cmp(&self.mark());
            if order == Ordering::Greater {
                state.stand(mark);
            }
            order
        });
        Next {
            sets_values: values == Some(Ordering::Greater) && state.feed.content != self.feed.content,
            standing: said.standing.filter(|_| standing == Some(Ordering::Greater)),
            is_older: values.into_iter().chain(standing).all(|order| order == Ordering::Less),
            state,
        }
    }

    fn stand(&mut self, Mark { at, standing }: Mark) {
        self.feed.status_at = at;
        self.feed.is_deleted = standing == Standing::Deleted;
        self.link = match standing {
            Standing::Active => LinkState::Active,
            Standing::Suspended | Standing::Deleted => LinkState::Suspended,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: State = State {
        feed: Feed { at: Millis(0), status_at: Millis(0), is_deleted: false, content: None },
        link: LinkState::Active,
    };

    fn mark(at: u64, standing: Standing) -> Mark {
        Mark { at: Millis(at), standing }
    }

    /// The time and the number of the values, and the mark.
    type Event = (Option<(u64, u8)>, Option<Mark>);

    /// Every state with two values and every standing, alone and together, at two times.
    fn events() -> Vec<Event> {
        let values = [None, Some(1), Some(2)];
        let standings = [None, Some(Standing::Active), Some(Standing::Suspended), Some(Standing::Deleted)];
        let all = [1, 2].into_iter().flat_map(|at| values.map(|values| (at, values)));
        let all = all.flat_map(|(at, values)| standings.map(|standing| (at, values, standing)));
        all.map(|(at, values, standing)| (values.map(|n| (at, n)), standing.map(|standing| mark(at, standing))))
            .collect()
    }

    fn after(events: &[Event]) -> State {
        events.iter().fold(START, |state, (values, standing)| {
            let content = values.map(|(at, n)| (Millis(at), n.to_string()));
            let values = content.as_ref().map(|(at, content)| (*at, content.as_str()));
            state.after(&Said { values, standing: *standing }).state
        })
    }

    #[test]
    fn the_newest_values_and_the_newest_standing_count_in_every_order() {
        let all = events();
        for one in &all {
            for two in &all {
                for three in &all {
                    let events = [*one, *two, *three];
                    let state = after(&events);
                    let values = events.iter().filter_map(|(values, _)| *values).max();
                    assert_eq!(state.feed.at, Millis(values.map_or(0, |(at, _)| at)), "{events:?}");
                    assert_eq!(state.feed.content, values.map(|(_, n)| n.to_string()), "{events:?}");
                    let newest = events.iter().filter_map(|(_, mark)| *mark).max();
                    assert_eq!(state.mark(), newest.unwrap_or(mark(0, Standing::Active)), "{events:?}");
                    assert_eq!(after(&[*one, *two, *three, *one, *two]), state, "{events:?}");
                }
            }
        }
    }

    #[test]
    fn an_event_that_was_applied_changes_nothing() {
        let said = Said { values: Some((Millis(3), "a")), standing: Some(mark(3, Standing::Suspended)) };
        let first = START.after(&said);
        assert!(first.sets_values && first.standing.is_some() && !first.is_older);
        let second = first.state.after(&said);
        assert_eq!(second, Next { state: first.state, sets_values: false, standing: None, is_older: false });
    }

    #[test]
    fn a_newer_state_with_the_same_values_sets_none_and_keeps_older_ones_out() {
        let first = START.after(&Said { values: Some((Millis(1), "a")), standing: None }).state;
        let third = first.after(&Said { values: Some((Millis(3), "a")), standing: None });
        assert!(!third.sets_values);
        let second = third.state.after(&Said { values: Some((Millis(2), "b")), standing: None });
        assert!(second.is_older && !second.sets_values);
        assert_eq!(second.state, third.state);
    }

    #[test]
    fn a_deletion_counts_more_than_an_activation_of_the_same_time() {
        for order in [[Standing::Active, Standing::Deleted], [Standing::Deleted, Standing::Active]] {
            assert_eq!(
                after(&order.map(|standing| (None, Some(mark(2, standing))))).mark(),
                mark(2, Standing::Deleted)
            );
        }
    }
}
