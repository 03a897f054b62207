"""Lists the differences from the replaced packages that no recorded exchange can show.

Each entry has a row of the same name in docs/migrating.md, and names the test that checks our behaviour. The test may
be anywhere in tests/. tests/parity/test_migrating.py checks that both exist.
"""

from __future__ import annotations

BOTH = {
    "Fields without a value": "test_fields_of_an_event",
    "Times": "test_fields_of_an_event",
    "Failed deliveries": "test_events_are_delivered_once_after_an_outage",
    "Bad events in a batch": "test_only_the_refused_event_of_a_batch_is_dropped",
    "Timeouts": "test_hanging_request_ends_at_the_request_timeout",
    "Process exit": "test_hung_collector_delays_exit_by_at_most_flush_timeout",
    "Forking servers": "test_preloaded_workers_deliver_each_event_exactly_once",
    "Memory": "test_memory_stays_within_the_budget_while_the_collector_hangs",
    "Two middlewares in one process": "test_events_of_different_ids_and_collectors_do_not_mix",
    "Loggers": "test_root_logger_is_not_changed",
    "`DEBUG` and `LOCAL_DEBUG`": "test_debug_logs_to_stderr_only_without_other_handlers",
    "Failing functions in the log": "test_failing_function_loses_only_its_result",
    "Unknown options": "test_unknown_option_is_reported_with_nearest_name",
    "Values that an option cannot take": "test_invalid_value_raises_with_the_option_and_what_is_expected",
    "Environment variables": "test_options_come_from_the_environment_unless_the_dictionary_has_them",
    "Changes to the settings dictionary": "test_later_changes_to_the_settings_have_no_effect",
    "Sampling rates": "test_most_specific_rate_applies",
    "Sampling patterns": "test_most_specific_rate_applies",
    "Weights": "test_weights_add_up_to_the_number_of_calls",
    "Mask functions and sampling": "test_sampled_out_call_is_counted_and_not_masked",
    "Fetching the configuration": "test_alternating_versions_are_not_fetched_each_time",
    "Faulty rules": "test_malformed_documents_never_fail_a_request",
    "Rules for unidentified callers": "test_failed_function_does_not_make_caller_unidentified",
    "Patterns that cost too much": "test_unusable_pattern_never_matches_and_is_logged_once",
    "`request.route` in rules": "test_condition_is_tested_on_its_field",
    "Default tag values": "test_tag_values_are_those_of_the_caller",
    "`update_user` and the like: failures": "test_failed_request_is_logged_once_and_not_raised",
    "`update_user` and the like: time": "test_failed_request_is_logged_once_and_not_raised",
    "Batches of profiles": "test_only_the_invalid_profile_of_a_batch_is_left_out",
    "Profiles with dates": "test_metadata_values_are_converted_to_json",
    "Unknown fields of profiles": "test_unknown_field_is_not_sent_and_is_logged",
    "Connections and `User-Agent`": "test_headers_of_a_batch",
    "`dropped_events`": "test_stats_add_up_at_every_moment_under_load",
    "Attributes": "test_attributes_of_the_old_implementation_are_not_there",
    "Inner modules": "test_inner_modules_of_the_old_packages_are_not_there",
}

WSGI = {
    "`EVENT_BATCH_TIMEOUT`": "test_a_batch_waits_for_one_second_by_default",
    "Response chunks in `environ`": "test_chunks_in_environ_end_at_the_capture_limit",
    "Results that are not ready": "test_coroutine_or_generator_function_counts_as_failed",
    "Functions called for rules": "test_function_is_called_early_only_for_rules_of_its_kind",
    "Order of response headers": "test_headers_are_unchanged_if_no_rule_applies",
    "Headers of rules and of the application": "test_a_rule_header_replaces_only_headers_of_its_name",
    "Rule headers in the event": "test_a_rule_header_replaces_only_headers_of_its_name",
    "Responses of blocking rules": "test_blocking_response_is_complete",
    "Status of blocking rules": "test_any_status_gets_a_status_line",
    "Empty conditions": "test_documents_that_other_sdks_fail_on",
    "Empty ids and rules": "test_cohorts_decide_to_whom_a_rule_applies",
    "`request.ip_address` in rules": "test_condition_is_tested_on_its_field",
    "Request bodies and rules": "test_body_is_read_only_if_a_rule_looks_at_it",
}

DJANGO = {
    "Start of the site": "test_start_makes_no_connection_and_no_thread",
    "Throughput": "test_full_batch_is_sent_at_once",
    "Full queue": "test_full_queue_drops_and_counts_without_waiting",
    "Asynchronous stacks": "test_an_asynchronous_call_is_recorded_on_its_own_thread",
    "`async` functions": "test_asynchronous_functions_are_awaited",
    "Looking up the user": "test_user_the_view_did_not_access_is_found_without_side_effects",
    "Header names": "test_mask_finds_headers_in_any_case_and_names_are_kept",
    "Header names in Django mask functions": "test_mask_may_compare_upper_case_header_names",
    "Bodies that a mask list cannot read": "test_body_that_cannot_be_masked_is_left_out_and_counted",
    "Mask lists with dots": "test_mask_lists_remove_headers_keys_and_parameters",
    "`MaskData.mask_body`": "test_masked_keys_are_removed_at_any_depth_and_the_original_stays",
    "Settings check": "test_invalid_setting_is_reported_by_the_check",
    "When rules decide": "test_the_view_of_a_blocked_call_does_not_run",
    "Headers of rules": "test_headers_of_rules_are_set_and_cookies_of_the_view_stay",
    "Members of a cohort": "test_cohorts_decide_to_whom_a_rule_applies",
    "Rule patterns": "test_documents_that_other_sdks_fail_on",
    "`response.status` in rules": "test_condition_is_tested_on_its_field",
    "Body fields in rules": "test_condition_is_tested_on_its_field",
    "Merge tags": "test_tag_values_are_those_of_the_caller",
    "Skipped calls and rules": "test_skipped_call_is_blocked_but_not_recorded",
    "Functions before the view": "test_functions_get_none_as_response_before_the_view",
    "`MoesifMiddlewarePre19`": "test_the_old_middleware_answers_before_the_view",
}

OUTGOING = {
    "Address of the collector": "test_the_import_path_of_the_replaced_package_works",
    "Collector that is down": "test_outgoing_calls_work_while_the_collector_is_down",
    "Responses with `stream=True`": "test_only_what_the_caller_reads_is_read",
    "Delivery of outgoing events": "test_calls_are_batched_without_a_thread_per_call",
    "Outgoing mask functions that return no event": "test_failing_mask_function_strips_the_event",
    "Functions after a failed call": "test_response_is_none_for_a_failed_call",
    "Passwords in URLs": "test_a_password_in_the_url_is_not_recorded",
    "Calls while a request is served": "test_both_events_are_recorded_and_linked",
    "Requests to the collector": "test_traffic_to_the_collector_is_not_captured",
    "Starting twice": "test_starting_twice_records_once_with_the_last_settings",
    "Stopping": "test_stopping_restores_the_original_function",
    "Options of outgoing capture": "test_invalid_option_is_named_in_the_error",
}

API = {
    "Configuration": "test_clients_do_not_mix",
    "Bad configuration": "test_invalid_configuration_raises",
    "Address from the environment": "test_environment_sets_the_address_unless_a_program_does",
    "Time of a call": "test_missing_answer_raises_at_the_timeout",
    "Retries": "test_temporary_failure_is_retried",
    "Exceptions": "test_refused_connection_raises",
    "Missing fields": "test_invalid_document_raises_and_nothing_is_sent",
    "Dates and other values": "test_documents_are_sent_and_left_unchanged",
    "Fields of models without a value": "test_campaign_can_be_a_model",
    "Large batches": "test_large_batch_is_split_by_count_and_by_bytes",
    "Batches that are stored only in part": "test_document_that_is_not_stored_raises",
    "Empty batches": "test_empty_batch_sends_nothing",
    "Compression": "test_only_long_documents_are_compressed",
    "Events without a `transaction_id`": "test_each_call_sends_a_new_event_unless_it_has_an_id",
    "`items` of a subscription": "test_items_of_a_subscription_are_sent",
    "Times in event models": "test_model_keeps_times_of_a_dictionary_unchanged",
    "`content_length` in event models": "test_event_models_behave_like_upstreams",
    "Headers in event models": "test_headers_are_found_and_replaced_in_any_case",
    "`RequestsClient`": "test_requests_client_sends_get_and_post_only",
    "`User-Agent`": "test_user_agent",
    "Inner modules of moesifapi": "test_inner_modules_of_the_old_packages_are_not_there",
}

#: The sections of docs/migrating.md.
BEHAVIOURS = {
    "Both middlewares": BOTH,
    "moesifwsgi": WSGI,
    "moesifdjango": DJANGO,
    "moesifpythonrequest": OUTGOING,
    "moesifapi": API,
}
