//! One macro for each set of cases. A test below compares these lists with the functions.

/// Defines one test. For the macros of this module.
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

/// Defines the tests of one module. For the macros of this module.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($attributes:tt $make:path, $module:ident: $($case:ident),+ $(,)?) => {
        $($crate::contract_case! { $attributes $make, $module, $case })+
    };
}

/// The tests of an adapter's users, ownerships and pointers. Takes a function that returns new
/// [`Tables`](crate::contract::Tables), after any attributes for the tests.
#[macro_export]
macro_rules! users_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, users:
            a_user_that_was_never_written_is_absent,
            an_acknowledged_write_is_read_immediately,
            the_parts_of_two_users_are_separate,
            every_fact_beside_the_envelope_is_stored,
            a_replaced_part_leaves_no_remains,
            attributes_of_a_newer_version_survive,
            an_envelope_of_an_unknown_format_survives,
            a_large_part_is_stored_completely,
            an_empty_commit_succeeds,
            a_probe_of_a_working_store_succeeds,
            a_scan_of_an_empty_table_ends_immediately,
            a_scan_returns_every_part_once_with_any_page_size,
            a_scan_during_writes_returns_all_earlier_parts,
            a_tombstone_contains_only_its_key_and_version,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, conditions:
            absent_holds_only_without_a_stored_part,
            absent_does_not_hold_over_a_tombstone,
            version_is_holds_only_for_that_version,
            version_is_does_not_hold_without_a_stored_part,
            older_holds_only_without_a_part_or_over_an_older_one,
            older_compares_timestamps_as_numbers,
            the_origin_breaks_a_tie_of_timestamps,
            an_erasure_wins_over_every_live_write,
            two_parts_are_written_together_or_not_at_all,
            a_conflict_returns_every_stored_part_in_order,
            parts_of_several_users_are_written_together,
            a_repeated_write_finds_itself_stored,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, ownerships:
            an_identifier_without_an_owner_has_none,
            identifiers_are_read_in_the_order_of_the_request,
            identifiers_of_several_requests_are_all_read,
            parts_identifiers_and_rows_are_written_together,
            a_failed_identifier_condition_prevents_all_writes,
            a_failed_part_condition_prevents_identifiers_and_rows,
            an_identifier_is_written_only_over_the_read_owners,
            owners_that_changed_back_count_as_unchanged,
            an_identifier_without_owners_is_deleted_and_can_be_owned_again,
            an_unchanged_identifier_is_still_a_condition,
            a_rename_replaces_one_identifier_by_another_atomically,
            writing_a_row_twice_has_no_effect,
            rows_can_be_written_alone,
            a_new_row_is_written_with_its_part_or_not_at_all,
            new_rows_can_be_written_alone_but_only_once,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, derived:
            derived_items_are_written_only_over_the_same_part_version,
            derived_items_without_a_part_require_its_absence,
            derived_items_are_not_written_over_other_owners,
            derived_items_do_not_change_the_part,
            a_scan_returns_every_identifier_once_with_any_page_size,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, linked_accounts:
            a_user_without_pointers_to_it_has_no_linked_accounts,
            linked_accounts_of_one_user_are_returned_in_id_order,
            a_pointer_is_written_with_its_part_or_not_at_all,
            a_moved_pointer_is_only_at_its_new_target,
            an_erasure_removes_only_the_users_own_pointer,
            writing_a_pointer_twice_has_no_effect,
            writes_require_the_unchanged_profiles_that_they_name,
            a_scan_returns_every_pointer_once_with_any_page_size,
            superfluous_pointers_are_dropped_if_their_parts_are_unchanged,
            genuine_rows_are_no_strays,
            a_user_may_point_at_itself,
            versions_in_any_order_leave_the_newest_pointer,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, wrapped:
            adding_a_wrapped_key_changes_no_other_attribute,
            an_existing_wrapped_key_is_not_replaced,
            a_wrapped_key_of_another_version_is_not_added,
            a_wrapped_key_of_an_absent_part_is_not_added,
            no_wrapped_key_is_added_to_a_tombstone,
            concurrent_wrapped_keys_of_many_regions_are_all_stored,
            one_of_many_wrapped_keys_for_a_region_is_added,
            a_key_repair_never_changes_a_newer_version,
            removing_a_wrapped_key_changes_no_other_attribute,
            a_wrapped_key_of_another_version_is_not_removed,
            a_tombstone_has_no_wrapped_key_to_remove,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, replaced:
            an_absent_item_has_no_entity_tag,
            an_item_of_every_table_is_replaced,
            an_item_that_changed_meanwhile_is_not_replaced,
            one_of_many_replacements_of_an_item_succeeds,
            a_wrapped_key_is_replaced_only_over_the_expected_one,
        }
        $crate::contract_cases! { [$(#[$attribute])*] $make, races:
            one_of_many_writers_over_one_version_wins,
            one_of_many_first_writers_of_a_user_wins,
            no_update_of_a_hot_part_is_lost,
            concurrent_versions_in_any_order_leave_the_newest,
            one_of_many_registrations_of_an_identifier_wins,
            registrations_in_different_identifier_orders_do_not_deadlock,
            concurrent_owners_are_all_stored,
            at_most_one_of_many_writers_of_a_new_row_succeeds,
        }
    };
}

/// The tests of an adapter's logs. Takes a function that returns new [`Tables`](crate::contract::Tables), after any
/// attributes for the tests.
#[macro_export]
macro_rules! logs_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, logs:
            a_stored_row_is_never_replaced,
            a_row_that_was_never_written_is_absent,
            a_row_keeps_every_field_of_every_type,
            rows_of_one_user_are_returned_in_key_order,
            rows_of_several_answers_are_all_returned,
            the_last_row_has_the_greatest_key_with_the_prefix,
            dropping_a_row_leaves_its_neighbours,
            a_scan_of_an_empty_log_ends_immediately,
            a_scan_returns_every_row_once_with_any_page_size,
            one_of_many_concurrent_appends_of_a_row_succeeds,
            new_rows_alone_are_written_together_and_once,
        }
    };
}

/// The tests of an adapter's versioned items. Takes a function that returns new [`Tables`](crate::contract::Tables),
/// after any attributes for the tests.
#[macro_export]
macro_rules! items_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, items:
            the_last_written_item_is_read,
            an_older_or_equal_version_of_an_item_is_not_written,
            an_ended_item_beats_every_later_live_one,
            an_item_is_written_only_over_the_read_version,
            an_item_is_written_with_its_part_or_not_at_all,
            items_of_one_user_are_returned_in_key_order,
            items_under_prefixes_are_returned_prefix_by_prefix,
            dropping_items_leaves_other_users_items,
            an_item_is_dropped_only_in_its_version,
            a_scan_returns_every_item_once_with_any_page_size,
            concurrent_writes_of_an_item_leave_the_newest,
        }
    };
}

/// The tests of an adapter's registry. Takes a function that returns new [`Tables`](crate::contract::Tables), after any
/// attributes for the tests.
#[macro_export]
macro_rules! registry_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, registry:
            a_company_that_was_never_stored_is_absent,
            the_last_stored_company_is_read,
            companies_are_listed_in_id_order,
            a_company_is_replaced_only_over_the_expected_one,
            one_of_many_concurrent_replacements_of_a_company_succeeds,
            a_row_is_replaced_or_removed_only_as_it_was_read,
            the_last_stored_setting_is_read,
            settings_and_companies_with_one_name_are_separate,
            a_large_setting_is_stored_completely,
            a_setting_is_replaced_only_over_the_expected_value,
            one_of_many_concurrent_replacements_of_a_setting_succeeds,
            settings_with_a_prefix_are_listed_in_name_order,
            a_setting_is_removed_only_as_it_was_read,
        }
    };
}

/// The tests of an adapter's requests. Takes a function that returns new [`Tables`](crate::contract::Tables), after any
/// attributes for the tests.
#[macro_export]
macro_rules! requests_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, requests:
            a_hash_is_used_first_only_once,
            a_hash_counts_as_unused_once_it_has_expired,
            one_of_fifty_concurrent_uses_of_a_hash_is_first,
            the_first_outcome_is_stored_and_returned_to_others,
            a_finished_outcome_is_returned,
            an_outcome_can_be_finished_without_a_begin,
            an_outcome_counts_as_absent_once_it_has_expired,
            one_of_fifty_concurrent_begins_stores_its_outcome,
            replays_and_outcomes_of_one_hash_are_separate,
            a_withdrawn_outcome_is_absent,
            only_the_stored_outcome_can_be_withdrawn,
        }
    };
}

/// The tests of an adapter's inbox. Takes a function that returns new [`Tables`](crate::contract::Tables), after any
/// attributes for the tests.
#[macro_export]
macro_rules! inbox_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, inbox:
            a_document_that_was_never_stored_is_absent,
            a_stored_document_is_read_as_it_was_with_its_expiry,
            a_document_of_200_kilobytes_is_stored_completely,
            a_document_is_replaced_only_over_the_one_that_was_read,
            a_document_counts_as_absent_once_it_has_expired,
            one_of_fifty_concurrent_writers_over_one_document_succeeds,
            a_page_of_an_empty_inbox_is_the_last,
            pages_return_every_live_document_once_with_any_page_size,
            documents_that_wait_are_found_among_all_others,
            documents_and_outcomes_of_one_hash_are_separate,
        }
    };
}

/// The tests of an adapter's attempts. Takes a function that returns new [`Tables`](crate::contract::Tables), after any
/// attributes for the tests.
#[macro_export]
macro_rules! attempts_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, attempts:
            an_uncounted_key_has_no_tally,
            each_attempt_after_the_limit_doubles_the_lock,
            a_sliding_window_ends_after_the_last_attempt,
            a_fixed_window_ends_after_the_first_attempt,
            no_lock_outlasts_the_longest_when_the_clock_goes_back,
            concurrent_attempts_do_not_exceed_the_limit,
            an_unused_attempt_can_be_given_back,
            giving_back_lifts_the_lock_unless_another_attempt_followed,
            a_forgotten_key_starts_from_zero,
            a_key_that_was_not_remembered_is_unknown,
            a_remembered_key_is_known_up_to_its_limit_and_expiry,
            concurrent_known_attempts_do_not_exceed_the_limit,
            concurrent_additions_are_all_in_the_sum,
        }
    };
}

/// The tests of an adapter's checkpoints. Takes a function that returns new [`Tables`](crate::contract::Tables), after
/// any attributes for the tests.
#[macro_export]
macro_rules! checkpoints_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, checkpoints:
            a_pass_that_never_ran_has_no_checkpoint,
            the_last_stored_state_is_read,
            states_of_two_passes_are_separate,
            a_state_of_300_kilobytes_is_stored_completely,
            a_state_is_replaced_only_if_it_is_the_expected_one,
            of_several_writers_that_expect_the_same_one_succeeds,
        }
    };
}

/// The tests of an adapter's table of what is due. Takes a function that returns new [`Tables`](crate::contract::Tables),
/// after any attributes for the tests.
#[macro_export]
macro_rules! due_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, due:
            a_row_that_was_never_stored_is_absent,
            a_stored_row_is_read_as_it_was_with_its_time,
            a_row_of_200_kilobytes_is_stored_completely,
            a_waiting_row_is_replaced_or_removed_only_as_it_was_read,
            one_of_many_concurrent_takers_of_a_row_gets_it,
            rows_are_returned_in_the_order_of_their_times,
            pages_return_every_row_once_with_any_page_size,
            a_moved_row_is_due_at_its_new_time_only,
            rows_of_two_targets_are_separate,
        }
    };
}

/// The tests of an adapter's streams. Takes a function that returns new [`Streamed`](crate::contract::Streamed), after
/// any attributes for the tests.
#[macro_export]
macro_rules! streams_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, streams:
            every_write_of_a_part_appears_in_order,
            every_change_has_a_unique_sequence,
            parts_of_a_transaction_appear_but_identifiers_do_not,
            a_rejected_write_does_not_appear,
            an_added_wrapped_key_appears_with_the_same_version,
            a_row_written_repeatedly_appears_once,
            dropping_a_row_does_not_appear,
            every_version_of_an_item_appears_but_its_drop_does_not,
            items_local_to_a_region_do_not_appear,
        }
    };
}

/// The tests of an adapter's keys. Takes a function that returns a new [`KeyPair`](crate::contract::KeyPair), after any
/// attributes for the tests.
#[macro_export]
macro_rules! keys_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, keys:
            a_generated_key_can_be_unwrapped,
            every_generated_key_is_different,
            a_key_of_another_region_can_be_wrapped,
            another_context_is_rejected,
            another_keys_blob_is_rejected,
            a_damaged_blob_is_rejected,
            a_disabled_key_is_reported_until_it_is_enabled,
        }
    };
}

/// The tests of an adapter's queues. Takes a function that returns a new [`Queued`](crate::contract::Queued), after any
/// attributes for the tests.
#[macro_export]
macro_rules! queue_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, queue:
            an_empty_queue_returns_no_message,
            a_message_is_received_as_it_was_sent,
            a_delayed_message_is_received_after_its_delay,
            a_received_message_is_hidden_until_its_visibility_ends,
            a_deleted_message_does_not_come_back,
            a_released_message_comes_back_after_its_delay,
            a_message_received_too_often_becomes_a_dead_letter,
            a_redriven_dead_letter_is_a_new_message,
            a_received_dead_letter_is_hidden_until_released_or_timed_out,
            messages_are_received_in_batches_and_none_twice,
            the_depth_counts_waiting_and_in_flight_messages,
        }
    };
}

/// The tests of an adapter of old systems. Takes a function that returns a new
/// [`OldWorld`](crate::contract::legacy_login::OldWorld), after any attributes for the tests.
#[macro_export]
macro_rules! legacy_login_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, legacy_login:
            only_the_right_password_is_right,
            an_unknown_user_has_no_password,
            a_missing_second_factor_means_that_the_password_was_right,
            a_dead_system_is_an_error,
            each_question_is_asked_once,
            an_error_has_nothing_of_the_question,
        }
    };
}

/// The tests of an adapter that sends mail. Takes a function that returns a new
/// [`PostOffice`](crate::contract::mailer::PostOffice), after any attributes for the tests.
#[macro_export]
macro_rules! mailer_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, mailer:
            a_mail_arrives_as_it_was_sent,
            a_mail_of_every_script_arrives_as_it_was_sent,
            a_line_of_any_length_and_a_line_with_a_dot_arrive_as_they_were_sent,
            each_mail_is_sent_once_also_side_by_side,
            a_text_that_would_begin_another_header_is_rejected,
            what_is_no_address_is_rejected,
            a_server_that_does_not_answer_is_an_error,
            an_error_has_nothing_of_the_mail,
        }
    };
}

/// The tests of an adapter that calls foreign systems. Takes a function that returns a new
/// [`Outside`](crate::contract::outbound::Outside), after any attributes for the tests.
#[macro_export]
macro_rules! outbound_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::contract_cases! { [$(#[$attribute])*] $make, outbound:
            a_call_arrives_as_it_was_made,
            every_status_is_an_answer,
            an_answer_has_its_headers_and_its_body,
            a_dead_system_is_an_error,
            each_call_is_made_once,
        }
    };
}

#[cfg(test)]
mod tests;
