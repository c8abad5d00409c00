//! The AWS adapters against an emulator: the services that the embedded engine lacks (KMS, SQS), and the tables again
//! over HTTP.

use umoja_tests::emulator::{new_keys, new_queue, new_tables};

umoja_store::keys_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_keys
);
umoja_store::queue_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_queue
);
umoja_store::users_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_tables
);
umoja_store::logs_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_tables
);
umoja_store::items_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_tables
);
umoja_store::registry_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_tables
);
umoja_store::requests_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_tables
);
umoja_store::inbox_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_tables
);
umoja_store::attempts_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_tables
);
umoja_store::due_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_tables
);
umoja_store::checkpoints_contract!(
    #[ignore = "needs an AWS emulator: .ci/emulator"]
    new_tables
);
