import Glibc
import LaminaProvider

/// Fail-over: connects to where the program wants, and where that fails to the next place of a list, each time by a fresh
/// column. The one that connects is the socket's from then on.
struct Failover: TerminatingLayer, ConnectCalls {
    static let others = Setting.texts("to", required: true, help: "where else: ADDRESS:PORT, in this order")
    static let about = LayerDescription(
        "failover",
        effect: .transform,
        phase: .proxy,
        categories: [.connection, .stream],
        settings: [others]
    )
    private let others: [Address]

    init(_ level: Level) throws(Failure) {
        others = try level[Self.others].map { place throws(Failure) in try Address(parsing: place) }
    }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        next.later { call in
            guard let first = call.columns.primary else { return call.fail(ENOTCONN) }
            attempt([address] + others, by: first, for: call)
        }
    }

    private func attempt(_ places: [Address], by column: LowerColumn, for call: PendingCall) {
        column.connect(to: places[0], for: call) { connected in
            let former = call.columns.primary
            switch connected {
            case .success:
                column.makePrimary()
                if column !== former { former?.close() }
                call.end()
            case .failure(let failure):
                if column !== former { column.close() }
                guard places.count > 1, failure.errno != EISCONN, failure.errno != EALREADY else {
                    return call.fail(failure)
                }
                call.columns.open(for: call) { opened in
                    switch opened {
                    case .success(let fresh): attempt(Array(places.dropFirst()), by: fresh, for: call)
                    case .failure(let failure): call.fail(failure)
                    }
                }
            }
        }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Failover.self) }
