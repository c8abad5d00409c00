//! The rows of the page.

/// Failure, rule, and what a test has to show.
pub(super) const ROWS: &[[&str; 3]] = &[
    [
        "peer region down",
        "keep pending, probe, resume",
        "other peers unaffected; backlog drains to 0; states equal; no dead letters",
    ],
    ["peer throttled", "back off with jitter; per-peer isolation", "no shard stalls"],
    [
        "one region's KMS down at write",
        "wrap with the others, repair later",
        "acknowledged; repaired; readable in every region",
    ],
    ["own KMS down at write", "another region's KMS makes the key", "acknowledged; repaired; readable in every region"],
    ["own KMS down at read", "fall back to another entry", "read succeeds; slower, never wrong"],
    ["KMS key disabled", "terminal for that entry, no hot loop", "re-enable heals; nothing dropped"],
    ["KMS throttled", "cache on read, back off", "calls per operation bounded"],
    ["key repair overtaken by a newer version", "condition on the version", "no foreign wrap on the new version"],
    ["poison record", "quarantine once with reason", "neighbours progress; visible; can be redriven"],
    ["stream partial batch", "report the lowest failed sequence number", "never acknowledges an unhandled record"],
    ["queue duplicate, reorder", "idempotent application", "same state at 1x, 2x, 3x delivery in any permutation"],
    ["retry queue unreachable", "fail the stream record so that Lambda retries", "nothing lost"],
    ["stream gap over 24 h", "alarm on iterator age; anti-entropy", "digests equal afterwards"],
    ["clock skew of +/-10 min", "reject far-future HLC timestamps", "no region captured by a bad clock"],
    ["message size", "messages carry keys", "a 400 KB item replicates through the queue"],
    ["any function killed at any await", "redelivery", "no loss, no double effect"],
    ["answer lost after the write", "own version found = success", "one effect, same answer"],
    ["hot user (1,000 updates)", "coalesce to newest", "fewer peer writes than updates; final state equal"],
    ["new region added", "stream first, then backfill, then keys", "writes made during the backfill all arrive"],
    ["region back after 48 h", "freeze, diff, then serve", "old writes do not win wrongly"],
    ["queue purged by mistake", "anti-entropy", "digests equal"],
    [
        "hold races erase",
        "each region reads its own row; erased beats all",
        "no erasure once every region has the hold; one that came first stands",
    ],
    ["update races erase, older and newer", "erased beats all", "no resurrection; receipt stays true"],
    [
        "an erased user is described by a source again",
        "an erasure marks the subjects and addresses of the person; a state that would make that person again is ignored",
        "no user; killed at any await of the erasure and retried; a company may register the person again",
    ],
    [
        "a company's old system is out",
        "503 with a problem of its own; the attempt is given back; a breaker for each company, which one user cannot open",
        "no lock-out by the outage; no request waits for a dead system; users with a password of Umoja log in",
    ],
    ["profile edit races password change or disable", "two parts", "both survive"],
    ["two creates of one e-mail in two regions", "identifier ownerships", "same winner everywhere, both journaled"],
    ["rename races create", "identifier ownerships recomputed", "exactly one winner per identifier"],
    [
        "merge races merge (cycle), update, erase",
        "pointers",
        "same primary account everywhere; erase covers linked accounts",
    ],
    ["split network, both sides write", "versions", "heal -> one digest"],
    [
        "old and new software side by side",
        "unknown attributes kept; the old format is written until a setting says so; any version replicates any format \
         unopened",
        "N-1 reads and replicates",
    ],
    ["KMS key rotated", "old material still unwraps", "old blobs readable; re-encrypt idempotent"],
    [
        "attempts cannot be counted",
        "logins continue uncounted, and a metric counts them; logins rejected by a throttled table are retried",
        "no user is locked out by an outage; a flood does not bypass the count",
    ],
    [
        "requests cannot be counted",
        "each instance counts separately, and a metric counts that",
        "no request is rejected because of an outage; no instance exceeds the limit alone",
    ],
    ["restore from a backup", "replay receipts; rebuild derived tables", "erased users stay erased"],
    [
        "an attacker writes into a region's tables",
        "every item has a proof; what does not verify is not used",
        "found, repaired from a peer, and no other region is harmed",
    ],
    [
        "events of a source out of order, or repeated",
        "the newest values and the newest standing count, by the provider's time",
        "same end in any order, at two workers, killed at any await; no replay sets a user back",
    ],
    [
        "a source deletes or suspends a user whom other companies know",
        "the link to the company of the source is suspended",
        "no login at that company; every login at another",
    ],
    [
        "a source deletes a user at the moment of its creation",
        "each looks for what the other writes first",
        "the user does not outlive the deletion",
    ],
    [
        "event accepted twice",
        "an event is stored once under its id, at the home of its source",
        "killed at any await and posted again, also to another region: one event, one user, no message left",
    ],
    [
        "worker of events killed",
        "an event is done after its change; a second application changes nothing",
        "killed at any await of the application and of the way to the home: one user, no message left",
    ],
    [
        "event id replayed with another body",
        "the first body counts; the second is answered 409, or parked if another region accepted it",
        "the user stays as the first body says",
    ],
    ["inbox poison", "park the event with a reason, quarantine the message", "neighbours progress; no dead letters"],
    [
        "source's home out",
        "any region accepts; the home applies",
        "acknowledged events wait and take effect when the home is back; no dead letters",
    ],
    [
        "Cognito fails after PreSignUp",
        "before its confirmation a sign-up is a row that expires: no user, no claim",
        "the same address succeeds after a minute and after a day; abandoned sign-ups leave nothing",
    ],
    [
        "PostConfirmation fails",
        "what is verified is stored first; the worker, the token gate and the comparison with the pool's list complete it",
        "killed at any await, with every service out: one user with the id of the token, no ghost on either side",
    ],
    [
        "secret of proofs rotated",
        "any live version verifies; items are proved again; old versions are retired on request",
        "N-1 beside N, an older backup, a removed region and a KMS that is out lose nothing",
    ],
    [
        "events for companies lost, doubled or out of order",
        "an event takes its number in the transaction that stores it; a reader stops at a gap; a cursor is a vector",
        "regions cut, functions killed at any await, cursors carried between regions: the consumer ends with what the \
         stores say",
    ],
    [
        "a region's events arrive after three days, out of order",
        "the reader waits at the gap of that region, and continues with the others",
        "none missed, none read twice",
    ],
    [
        "a region that has lost events makes others",
        "another epoch begins after a backfill or a restore",
        "no number means two events; consumers ahead and behind read the new ones",
    ],
    [
        "target out for a day",
        "what waits is a row for each user; a breaker probes; probes use up no attempts",
        "nothing lost, few calls; every account is made once it is back",
    ],
    [
        "answer lost after an account was made",
        "a row says before the call that there may be an account; a search by the user's id follows",
        "the account is found; no second one",
    ],
    [
        "foreign account at a target",
        "only the user's id in `externalId` makes an account the user's",
        "a conflict for people; the account is not touched",
    ],
    [
        "one user rejected by a target",
        "what was rejected is not sent again until it changes",
        "every other user is delivered",
    ],
    [
        "credentials of a target revoked",
        "three users put the target out",
        "few calls; all is delivered with another token",
    ],
    [
        "account changed at a target by hand",
        "what the store says counts",
        "found by names of members; repaired on request; what the target added stays out of it",
    ],
    ["delivery to a target killed at any await", "a lease ends; whole state is sent", "one account, up to date"],
    [
        "function killed during its turn at a target",
        "the turn ends by its time; who finds it taken leaves a mark",
        "killed at any await: the next function continues; one account",
    ],
    [
        "delivery to a target races an erasure",
        "a write that lost reads again; a tombstone deletes",
        "stopped and killed at any await: no account is left",
    ],
    [
        "target out when a user logs in",
        "the login notes a request and answers its state; the delivery is tried again",
        "the login succeeds; its ticket shows the end in every region",
    ],
    [
        "ring of a request lost",
        "the request is a replicated item whose change rings",
        "the account is brought up to date",
    ],
    [
        "person erased while a request about an account waits",
        "the home drops the parameters and deletes the account before it confirms",
        "no account, no parameters; the receipt is complete only then",
    ],
    [
        "person with accounts at targets erased",
        "the receipt names the targets and waits for each",
        "accounts deleted whatever the rule says; the receipt is complete only then",
    ],
    [
        "target never confirms an erasure",
        "an operator says why in its place",
        "the receipt is complete and names the reason; the target is not asked any more",
    ],
    [
        "merge and unmerge of users with accounts at a target",
        "the primary account's account counts; the others follow the rule of the target",
        "merged values at one account; both accounts after an unmerge; no third one",
    ],
    [
        "the connection of a status page is cut, and it connects to another region",
        "the id of an event is the vector of the rows that the browser has; a region sends what is newer",
        "each newer state is shown once, and nothing older",
    ],
    [
        "mass removal at a target by mistake",
        "more than 20 removals or 5 % in an hour are held",
        "the others stay until an operator agrees; erasures and new accounts are not held",
    ],
    [
        "target moved to another home",
        "the epoch counts up; what another epoch wrote is sent again",
        "one call for each account; no second account; the old home stops",
    ],
    [
        "two homes of a target during a move",
        "whole states are sent; the row of the old home rings in the new one, which sends once more",
        "stopped at any await and continued: one account, with the newest values",
    ],
    [
        "home of a target out",
        "changes of other regions arrive in the home by replication, and ring there",
        "all are delivered once the home is back",
    ],
    [
        "slow target",
        "each target has a task of its own; a call ends after ten seconds",
        "another target gets its accounts meanwhile",
    ],
    [
        "target with too many requests",
        "no call before the time of `Retry-After`; a breaker after ten answers in a row",
        "few calls; every account is made afterwards, and none has a failure",
    ],
    [
        "more accounts due than one run delivers",
        "what is due stays a row until it is delivered",
        "the next runs, also of another process, deliver the rest; no account is made twice",
    ],
    [
        "a change is undone while its answer from a target is lost",
        "after a call without an answer no digest says what the target has",
        "the state of before is sent again",
    ],
    [
        "a change is undone after its delivery was killed",
        "after a lease that ended by itself it is not known what was sent: everything is sent again",
        "killed at any await: the state of before is sent again",
    ],
    [
        "lease of a delivery ends before the delivery",
        "a lease has an end that names it; who has lost it leaves the row alone",
        "stopped at any await, with another process in between: no ring is lost, one account",
    ],
    [
        "webhook out for a day",
        "what waits is a row for each user; a breaker probes; probes use up no attempts",
        "nothing lost, nothing failed, few calls, other webhooks unaffected; all is posted soon after it is back",
    ],
    [
        "slow webhook",
        "each webhook has its own worker; a call ends after ten seconds",
        "another webhook gets its events",
    ],
    [
        "webhook with too many requests",
        "no call before the time of `Retry-After`",
        "no call meanwhile; every event arrives afterwards",
    ],
    [
        "webhook secret rotated between two attempts",
        "a message is signed when it is posted, by every live secret",
        "either secret verifies; the id and the body are the same",
    ],
    [
        "home of a webhook out",
        "events of other regions arrive in the home by replication",
        "all are posted in order once the home is back",
    ],
    [
        "the epoch of the events is lost while several feeds run",
        "an epoch begins by a conditional write: of several feeds one begins it, and the others continue in it",
        "stopped at any await, with another feed in between: no event is behind a position that was read",
    ],
    [
        "a company is linked in one region while another erases the user",
        "a region reports an erasure elsewhere to the companies that only it has informed of the user",
        "the company lists the erasure in every region, whenever the feed runs",
    ],
    [
        "an authorization code is presented twice, also in two regions",
        "the region that issued it counts its uses; the id of what it begins follows from the code",
        "tokens once, killed at any await; what it began ends in every region, also before it has arrived",
    ],
    [
        "a refresh token is used again because an answer was lost",
        "the same token follows in every region; a use may be repeated for 30 s",
        "no honest family ends, in any region and in any order of replication",
    ],
    [
        "a refresh token is used by a second holder",
        "the first uses of each region are replicated and compared",
        "the family ends in every region",
    ],
    [
        "a session ends in a region that does not have it",
        "an end is a row that is written all the same and wins over every live one",
        "no tokens there from then on, and elsewhere once it has arrived; nothing of it returns",
    ],
    [
        "a process is killed while a session ends",
        "the notices are written before the end, and sent by the region that ended it",
        "every client hears of it: once while the region lives, at least once after a crash",
    ],
    [
        "everything of a person ends in a region while the person signs in at another one",
        "what began is compared with the ends that its region knew, and with no time",
        "no tokens once the end has arrived, whichever of the two is first",
    ],
    [
        "a password is changed while a thief signs in with the former one at another region",
        "the end of everything is written with the password, and names the credentials; where these have not arrived it is not known",
        "no session of the former password is left in any region, and none of the new one ends",
    ],
    [
        "the end of everything arrives before the password with which it was written",
        "an end is not known to what begins where its credentials have not arrived",
        "who signs in by the former password there is asked to come again; no session of it is left in any region",
    ],
    [
        "a person changes its factors or ends its other sessions while a region is cut off",
        "the change is written with an end of everything, which names the session that is kept and the factors",
        "what began in the region that was cut off ends once it has heard; the browser of the change stays signed in",
    ],
    [
        "a client is disabled in one region while another one issues tokens",
        "codes and tokens carry how often the client had been disabled",
        "no token of before is accepted once the end has arrived, also after the client is enabled again",
    ],
    [
        "two regions call a user something at once",
        "a subject follows from the user and the sector; of several the earliest counts",
        "one subject in every region, over merges, unmerges and consents that are given again",
    ],
    [
        "a region signs by a key that another one has not read",
        "a key is published before it signs, and after it has signed",
        "every token verifies by the keys of every region for its whole life",
    ],
];
