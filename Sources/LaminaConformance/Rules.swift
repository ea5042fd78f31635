extension Rule {
    /// Every rule, in the order in which they are checked.
    public static let all = [
        Rule(
            name: "completes-once",
            demand: "Every request completes exactly once, whatever the call returns.",
            reason: "A caller frees or reuses its request in the completion: one too few hangs, one too many corrupts.",
            source: "lamina_request.h, lamina_request",
            check: { try CompletionChecks.completesOnce($0) }
        ),
        Rule(
            name: "pending-is-marked",
            demand: "A request is marked as pended exactly when its call returned LAMINA_PENDING.",
            reason: "Callers decide by either who frees what; where the two differ they leak or free twice.",
            source: "lamina_request.h, LAMINA_REQUEST_PENDED; lamina_table.h, mark_pending",
            check: { try CompletionChecks.pendingIsMarked($0) }
        ),
        Rule(
            name: "copies-before-return",
            demand: "Buffer descriptors, addresses and input are copied before the call returns.",
            reason: "Callers have them on their stack; only the data memory stays until completion.",
            source: "lamina_types.h, lamina_buffer, lamina_address, lamina_message, lamina_operation",
            check: { try ForwardingChecks.copiesBeforeReturn($0) }
        ),
        Rule(
            name: "order",
            demand: "Sends leave, receives fill and both complete in the order of the calls.",
            reason: "A stream has one order, and callers count completions.",
            source: "lamina_entries.def, send and receive",
            check: { try CompletionChecks.order($0) }
        ),
        Rule(
            name: "cancel",
            demand: "A cancelled request completes soon, with -ECANCELED unless it was done already.",
            reason: "Tasks, deadlines and close rely on it; a request that can't be cancelled can hang its program.",
            source: "lamina_request.h, lamina_cancel_function; lamina_table.h, hold",
            check: { try CancelChecks.cancel($0) }
        ),
        Rule(
            name: "deadline",
            demand: "A request whose deadline passes completes soon, with -ETIMEDOUT.",
            reason: "Callers have no other clock on an operation.",
            source: "lamina_request.h, deadline; lamina_cancel_status",
            check: { try CancelChecks.deadline($0) }
        ),
        Rule(
            name: "close-with-pending",
            demand: "Close completes what is pending, and itself in bounded time.",
            reason: "A level that keeps a request keeps the socket, and the program that waits for it.",
            source: "lamina_entries.def, close",
            check: { try CloseChecks.closeWithPending($0) }
        ),
        Rule(
            name: "late-calls",
            demand: "Nothing of a socket completes after its close has, and a call on its handle answers -EBADF.",
            reason: "By then the program has freed what the completion would touch.",
            source: "lamina_table.h, hold and mark_pending; lamina_socket.h",
            check: { try CloseChecks.lateCalls($0) }
        ),
        Rule(
            name: "use-after-close",
            demand: "A level makes no call below once it has passed close on, and a base indicates nothing any more.",
            reason: "The levels below have freed their state, and the column may be another socket already.",
            source: "lamina_entries.def, close",
            check: { try CloseChecks.useAfterClose($0) }
        ),
        Rule(
            name: "end-of-stream",
            demand: "At a stream's end every receive completes with success and 0 bytes.",
            reason: "It is how a program knows the end from an error.",
            source: "lamina_entries.def, receive",
            check: { try CloseChecks.endOfStream($0) }
        ),
        Rule(
            name: "forwards-unchanged",
            demand: "A layer that doesn't transform passes every entry's arguments and results on as they are.",
            reason: "Its declared effect decides where it may stand, and whether data go through it at all.",
            source: "lamina_provider.h, LAMINA_EFFECT_NONE and LAMINA_EFFECT_OBSERVE",
            check: { try ForwardingChecks.forwardsUnchanged($0) }
        ),
        Rule(
            name: "no-bypass",
            demand: "A layer that transforms data does so in every entry and indication that carries data.",
            reason: "Through the one that it forgot, data leave or arrive in the clear.",
            source: "lamina_types.h, LAMINA_CLASS_DATA_OUT and LAMINA_CLASS_DATA_IN",
            check: { try BypassChecks.noBypass($0) }
        ),
        Rule(
            name: "carries-data",
            demand: "What one end sends reaches the other end, whole and unchanged.",
            reason: "It is what sockets are for; what a layer does on the way out it undoes on the way in.",
            source: "lamina_entries.def, send and receive, send_to and receive_from",
            check: { try TransferChecks.carriesData($0) }
        ),
        Rule(
            name: "frames-balanced",
            demand: "A level has at most one frame on a request.",
            reason: "Frames are few, and each one more is run once more.",
            source: "lamina_table.h, lamina_push",
            check: { try ForwardingChecks.framesBalanced($0) }
        ),
        Rule(
            name: "indications-serial",
            demand: "The indications of one socket come one after the other.",
            reason: "Clients keep no lock against themselves.",
            source: "lamina_indications.def",
            check: { try IndicationChecks.serial($0) }
        ),
        Rule(
            name: "clearing-drains",
            demand: "A request that clears an indication completes when the last such indication has returned.",
            reason: "Clients free what the indication uses right afterwards.",
            source: "lamina_entries.def, enable_indications",
            check: { try IndicationChecks.clearingDrains($0) }
        ),
        Rule(
            name: "tries-only",
            demand: "A request that only tries never pends: where it can't end at once, -EAGAIN and no effect.",
            reason: "Event loops try first; one that waits stops the loop, and one that takes data loses them.",
            source: "lamina_request.h, LAMINA_REQUEST_TRY; lamina_table.h, hold",
            check: { try TryChecks.triesOnly($0) }
        ),
        Rule(
            name: "wrong-use",
            demand: "A call that a socket's category or state lacks, or with flags nobody knows, ends with an error.",
            reason: "A success for what was not done is found much later, somewhere else.",
            source: "lamina_types.h, LAMINA_BASIC and the flags of the data entries; lamina_entries.def",
            check: { try MisuseChecks.check($0) }
        ),
        Rule(
            name: "odd-arguments",
            demand: "Empty buffers, short and unknown addresses and unknown controls are answered like any call.",
            reason: "Programs make such calls; a provider that crashes takes the program with it.",
            source: "lamina_types.h, lamina_buffer, lamina_address, lamina_message, lamina_operation",
            check: { try OddArgumentChecks.check($0) }
        ),
        Rule(
            name: "indicated-data",
            demand: "Indicated data are what came, once; what a client leaves its receives get, what it keeps stays.",
            reason: "The answer to an indication is a client's only way to say what became of the data.",
            source: "lamina_indications.def, receive and receive_from; lamina_table.h, lamina_data",
            check: { try IndicatedDataChecks.check($0) }
        ),
        Rule(
            name: "indicated-connections",
            demand: "A connection that is indicated is handed over whole; one that is refused is closed.",
            reason: "Of a refused connection nobody has a handle that could close it.",
            source: "lamina_indications.def, accept; lamina_table.h, refuse_accepted",
            check: { try ConnectionIndicationChecks.connections($0) }
        ),
        Rule(
            name: "inspections",
            demand: "An inspected connection is accepted, rejected or decided later; one that is gone is told of.",
            reason: "A firewall that says no, and is not heard, protects nobody.",
            source: "lamina_indications.def, inspect and abort; lamina_entries.def, inspect_complete",
            check: { try ConnectionIndicationChecks.inspections($0) }
        ),
        Rule(
            name: "live-settings",
            demand: "A live setting takes every value that its declaration names, at any time; a refusal says why.",
            reason: "Chains are changed while sockets are open, by people who see nothing but the reason.",
            source: "lamina_table.h, configure; lamina_provider.h, LAMINA_SETTING_LIVE",
            check: { try SettingChecks.live($0) }
        ),
        Rule(
            name: "handoff",
            demand: "export_state and adopt_state answer as the descriptor's handoff word says.",
            reason: "The word decides whether a socket is given to another process, with or without this state.",
            source: "lamina_provider.h, LAMINA_HANDOFF_SHARE; lamina_types.h, lamina_state",
            check: { try HandoffChecks.check($0) }
        ),
        Rule(
            name: "names",
            demand: "Names and addresses are answered within the room, of the family and with the port asked for.",
            reason: "Callers use every answer that count says there is.",
            source: "lamina_types.h, lamina_resolve_arguments and lamina_reverse_arguments",
            check: { try NameChecks.check($0) }
        ),
        Rule(
            name: "leaks",
            demand: "Nothing is left of a closed socket: memory, lower columns, nodes, descriptors, threads.",
            reason: "Programs open sockets by the million.",
            source: "lamina_entries.def, open and close; lamina_table.h, close_below",
            check: { try LeakCheck.run($0) }
        ),
    ]
}
