/// One rule of the contract between the framework and its providers.
public struct Rule: Sendable, Hashable, CustomStringConvertible {
    /// The rule's name, which stays.
    public let name: String
    /// What it demands, in one sentence.
    public let demand: String
    /// Why.
    public let reason: String
    /// Which header says so, and where.
    public let source: String
    let check: @Sendable (Subject) throws -> Void

    /// The name.
    public var description: String { name }

    /// Whether both are the same rule.
    public static func == (left: Rule, right: Rule) -> Bool { left.name == right.name }

    /// By name.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }

    /// The rule of this name; nil where there is none.
    public static func named(_ name: String) -> Rule? { all.first { $0.name == name } }

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
            demand: "A level makes no call below once it has passed close on.",
            reason: "The levels below have freed their state of the socket.",
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
            demand: "A layer that transforms data does so in every entry that carries data.",
            reason: "Through the one that it forgot, data leave in the clear.",
            source: "lamina_types.h, LAMINA_CLASS_DATA_OUT",
            check: { try ForwardingChecks.noBypass($0) }
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
            name: "leaks",
            demand: "Nothing is left of a closed socket: memory, lower columns, nodes, descriptors, threads.",
            reason: "Programs open sockets by the million.",
            source: "lamina_entries.def, open and close; lamina_table.h, close_below",
            check: { try LeakCheck.run($0) }
        ),
    ]
}
