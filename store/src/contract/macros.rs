//! One macro per group of cases. A test below holds these lists to the functions that there are.

/// Makes one test. For the macros of this module.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_case {
    ([$(#[$attribute:meta])*] $make:path, $module:ident, $case:ident) => {
        $(#[$attribute])*
        #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::$module::$case($make().await).await;
        }
    };
}

/// Makes the tests of one module. For the macros of this module.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($attributes:tt $make:path, $module:ident: $($case:ident),+ $(,)?) => {
        $($crate::contract_case! { $attributes $make, $module, $case })+
    };
}

/// The tests of an adapter's users, claims and pointers: takes a function that gives new [`Tables`](crate::contract::Tables), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! users_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, users:
            a_user_that_was_never_written_is_absent,
            a_write_is_read_as_soon_as_it_was_acknowledged,
            one_users_parts_are_not_anothers,
            every_fact_beside_the_envelope_is_kept,
            a_replaced_part_leaves_nothing_of_the_one_before,
            attributes_of_a_newer_version_survive,
            an_envelope_of_an_unknown_format_survives,
            a_large_item_is_kept_whole,
            nothing_to_write_is_done,
            a_probe_of_a_store_that_works_is_answered,
            a_scan_of_nothing_ends_at_once,
            a_scan_gives_every_part_exactly_once_whatever_the_page_size,
            a_scan_that_goes_on_after_writes_still_gives_what_was_there,
            a_tombstone_holds_nothing_but_its_key_and_version,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, conditions:
            absent_holds_only_where_nothing_is_stored,
            absent_does_not_hold_over_a_tombstone,
            version_is_holds_for_exactly_that_version,
            version_is_does_not_hold_where_nothing_is_stored,
            older_holds_over_nothing_and_over_an_older_version_only,
            older_compares_stamps_as_numbers_whatever_their_length,
            the_origin_breaks_a_tie_of_stamps,
            an_erasure_is_newer_than_every_live_write_and_stays,
            two_parts_are_written_together_or_not_at_all,
            a_conflict_tells_what_is_stored_for_every_part_in_order,
            parts_of_several_users_are_written_together,
            a_write_that_is_repeated_finds_itself_stored,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, claims:
            an_identifier_that_nobody_claims_is_unclaimed,
            claims_are_given_in_the_order_asked_for,
            more_identifiers_than_fit_into_one_request_are_looked_up,
            parts_claims_and_rows_are_written_together,
            a_failed_claim_leaves_nothing_written,
            a_failed_part_leaves_no_claim_and_no_row,
            a_claim_is_written_only_over_exactly_the_claimants_that_were_read,
            claimants_that_changed_and_changed_back_are_the_ones_that_were_read,
            an_identifier_goes_with_its_last_claimant_and_can_be_claimed_again,
            a_claim_that_changes_nothing_still_has_to_hold,
            a_rename_releases_one_identifier_and_takes_another_at_once,
            a_row_that_is_written_again_changes_nothing_and_refuses_nothing,
            rows_alone_are_written,
            a_new_row_is_written_with_its_part_or_not_at_all,
            new_rows_alone_are_written_once,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, derived:
            what_is_derived_from_a_part_is_written_while_the_part_is_of_that_version,
            what_is_derived_from_nothing_is_written_while_there_is_no_part,
            what_is_derived_over_other_claimants_is_not_written,
            what_is_derived_does_not_touch_the_part,
            a_scan_of_claims_gives_every_identifier_exactly_once_whatever_the_page_size,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, members:
            a_user_at_whom_nobody_points_has_no_members,
            members_are_given_in_the_order_of_their_ids_and_only_of_that_user,
            a_pointer_is_written_with_its_part_or_not_at_all,
            a_pointer_that_moves_is_at_its_new_place_only,
            an_erasure_removes_the_pointer_and_leaves_those_of_others,
            a_pointer_that_is_written_again_changes_nothing_and_refuses_nothing,
            what_needs_another_users_profile_to_stay_as_it_was_is_done_only_then,
            a_user_may_point_at_itself,
            copies_in_any_order_leave_the_pointer_of_the_newest,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, wrapped:
            a_wrapped_key_is_added_and_everything_else_stays,
            a_region_that_has_a_wrapped_key_keeps_it,
            a_wrapped_key_of_another_version_is_not_added,
            a_wrapped_key_of_an_absent_part_is_not_added,
            a_tombstone_takes_no_wrapped_key,
            wrapped_keys_of_many_regions_added_at_once_all_stay,
            of_many_wrapped_keys_for_one_region_exactly_one_is_added,
            a_repair_that_races_a_newer_version_never_puts_its_key_there,
            a_removed_wrapped_key_leaves_everything_else_as_it_was,
            a_wrapped_key_of_another_version_is_not_removed,
            a_tombstone_has_no_wrapped_key_to_remove,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, races:
            of_many_writers_of_one_version_exactly_one_wins,
            of_many_first_writers_of_one_user_exactly_one_wins,
            no_update_of_a_hot_part_is_lost,
            copies_that_arrive_at_once_in_any_order_leave_the_newest,
            of_many_registrations_for_one_identifier_exactly_one_wins,
            registrations_that_claim_the_same_identifiers_in_another_order_do_not_block_each_other,
            claimants_that_arrive_at_once_are_all_kept,
            of_many_that_write_one_new_row_with_parts_of_their_own_one_does_at_most,
        }
    };
}

/// The tests of an adapter's logs: takes a function that gives new [`Tables`](crate::contract::Tables), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! logs_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, logs:
            a_row_is_stored_once_and_then_stays_as_it_was,
            a_row_that_was_never_written_is_absent,
            a_row_keeps_every_field_of_every_type,
            rows_are_given_in_the_order_of_their_keys_and_only_of_that_user,
            more_rows_than_fit_into_one_answer_are_all_given,
            the_last_row_is_that_of_the_greatest_key_that_begins_so,
            a_row_that_was_dropped_is_gone_and_its_neighbours_stay,
            a_scan_of_no_rows_ends_at_once,
            a_scan_of_rows_gives_every_row_of_the_log_exactly_once_whatever_the_page_size,
            of_many_that_append_one_row_at_once_exactly_one_does,
        }
    };
}

/// The tests of an adapter's versioned items: takes a function that gives new [`Tables`](crate::contract::Tables), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! items_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, items:
            an_item_is_read_as_it_was_last_written,
            an_older_or_equal_version_of_an_item_is_not_written,
            an_item_is_written_only_over_the_version_that_was_read,
            an_item_is_written_with_its_part_or_not_at_all,
            items_are_given_in_the_order_of_their_keys_and_only_of_that_user,
            all_items_of_a_user_are_dropped_and_its_neighbours_stay,
            a_scan_of_items_gives_every_item_exactly_once_whatever_the_page_size,
            of_many_versions_of_an_item_at_once_the_newest_is_left,
        }
    };
}

/// The tests of an adapter's the registry: takes a function that gives new [`Tables`](crate::contract::Tables), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! registry_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, registry:
            a_company_that_was_never_stored_is_absent,
            a_company_is_read_as_it_was_last_stored,
            companies_are_listed_in_the_order_of_their_ids,
            a_setting_is_read_as_it_was_last_stored,
            settings_and_companies_of_one_name_are_apart,
            a_large_setting_is_kept_whole,
            a_setting_is_replaced_only_where_it_is_what_was_expected,
            of_many_who_replace_one_setting_exactly_one_does,
        }
    };
}

/// The tests of an adapter's requests: takes a function that gives new [`Tables`](crate::contract::Tables), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! requests_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, requests:
            a_hash_is_used_first_only_once,
            a_hash_counts_as_unused_once_it_has_expired,
            of_fifty_that_use_a_hash_at_once_exactly_one_is_first,
            an_outcome_is_stored_by_the_first_and_given_to_the_others,
            a_finished_outcome_is_given_from_then_on,
            an_outcome_can_be_finished_without_having_begun,
            an_outcome_counts_as_absent_once_it_has_expired,
            of_fifty_that_begin_at_once_exactly_one_does_and_the_others_get_its_outcome,
            replays_and_outcomes_of_one_hash_are_apart,
        }
    };
}

/// The tests of an adapter's attempts: takes a function that gives new [`Tables`](crate::contract::Tables), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! attempts_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, attempts:
            what_was_never_counted_has_no_tally,
            the_last_attempt_at_once_closes_the_way_and_what_follows_closes_it_for_longer,
            what_was_counted_is_forgotten_a_window_after_the_last_attempt,
            a_window_that_stays_is_over_a_window_after_the_first_attempt,
            of_fifty_at_once_as_many_are_let_through_as_one_after_the_other,
            an_attempt_that_was_not_made_is_given_back,
            an_attempt_that_closed_the_way_opens_it_again_unless_another_was_counted,
            what_is_forgotten_begins_anew,
            what_was_not_remembered_is_not_known,
            what_was_remembered_is_known_for_so_many_attempts_and_until_then,
            of_fifty_known_at_once_as_many_are_counted_as_may,
            what_is_added_at_once_is_all_in_the_sum,
        }
    };
}

/// The tests of an adapter's sweeps: takes a function that gives new [`Tables`](crate::contract::Tables), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! sweeps_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, sweeps:
            a_sweep_that_never_ran_has_no_state,
            a_state_is_read_as_it_was_last_stored,
            states_of_two_sweeps_are_apart,
            a_state_of_300_kilobytes_is_kept_whole,
        }
    };
}

/// The tests of an adapter's streams: takes a function that gives new [`Streamed`](crate::contract::Streamed), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! streams_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, streams:
            every_write_of_a_part_appears_in_order_and_whole,
            a_change_can_be_told_from_every_other_change,
            all_parts_of_a_transaction_appear_and_its_claims_do_not,
            a_write_that_was_refused_does_not_appear,
            an_added_key_appears_under_the_same_version,
            a_row_appears_once_however_often_it_is_written,
            a_row_that_is_dropped_does_not_appear_again,
            a_versioned_item_appears_with_each_version_and_not_when_it_is_dropped,
            what_is_local_to_a_region_does_not_appear,
        }
    };
}

/// The tests of an adapter's keys: takes a function that gives new [`KeyPair`](crate::contract::KeyPair), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! keys_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, keys:
            a_made_key_is_unwrapped_as_it_was_made,
            keys_are_made_anew_each_time,
            a_key_that_another_region_made_is_wrapped_and_unwrapped,
            another_context_is_refused,
            another_keys_blob_is_refused,
            a_damaged_blob_is_refused,
            a_disabled_key_says_so_and_heals_when_it_is_enabled,
        }
    };
}

/// The tests of an adapter's queues: takes a function that gives new [`Queued`](crate::contract::Queued), after any
/// attributes that the tests are to have.
#[macro_export]
macro_rules! queue_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, queue:
            an_empty_queue_gives_nothing,
            a_message_is_received_as_it_was_sent,
            a_delayed_message_is_received_after_its_delay,
            a_received_message_is_hidden_until_its_visibility_ends,
            a_deleted_message_does_not_come_back,
            a_released_message_comes_back_after_the_delay_that_was_asked_for,
            a_message_that_was_received_too_often_goes_to_the_dead_letters,
            a_dead_letter_that_is_sent_back_is_a_new_message,
            a_dead_letter_that_was_taken_is_hidden_until_it_is_released_or_its_visibility_ends,
            messages_are_taken_in_batches_and_none_twice,
            the_depth_counts_what_waits_and_what_is_in_flight,
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_in_its_macro() {
        let macros = include_str!("macros.rs");
        for (module, source) in [
            ("users", include_str!("users.rs")),
            ("conditions", include_str!("conditions.rs")),
            ("claims", include_str!("claims.rs")),
            ("derived", include_str!("derived.rs")),
            ("members", include_str!("members.rs")),
            ("wrapped", include_str!("wrapped.rs")),
            ("races", include_str!("races.rs")),
            ("logs", include_str!("logs.rs")),
            ("items", include_str!("items.rs")),
            ("registry", include_str!("registry.rs")),
            ("requests", include_str!("requests.rs")),
            ("attempts", include_str!("attempts.rs")),
            ("sweeps", include_str!("sweeps.rs")),
            ("streams", include_str!("streams.rs")),
            ("keys", include_str!("keys.rs")),
            ("queue", include_str!("queue.rs")),
        ] {
            let listed = macros.split_once(&format!("$make, {module}:\n")).unwrap().1.split_once('}').unwrap().0;
            let listed: Vec<_> = listed.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
            let cases: Vec<_> =
                source.split("\npub async fn ").skip(1).map(|rest| rest.split_once('(').unwrap().0).collect();
            assert_eq!(listed, cases, "{module}");
        }
    }
}
