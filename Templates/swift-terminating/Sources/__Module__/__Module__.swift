import LaminaProvider

/// Ends the column of each socket, and opens one of its own below it: where the first place doesn't answer, a fresh one
/// connects to `instead`.
struct __Module__Layer: TerminatingLayer, ConnectCalls {
    static let instead = Setting.text("instead", help: "where else: ADDRESS:PORT")
    static let about = LayerDescription(
        "__name__",
        effect: .transform,
        summary: "connects to another place where the first doesn't answer",
        uuid: "__uuid__",
        phase: .proxy,
        categories: [.connection, .stream],
        settings: [instead]
    )
    private let instead: Address?

    init(_ level: Level) throws(Failure) {
        instead = level.has(Self.instead) ? try Address(parsing: level[Self.instead]) : nil
    }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        // What goes to the primary column by itself costs nothing.
        guard let instead else { return next.connect(address, flags: flags) }
        return next.later { call in
            // The column that opened with the socket.
            guard let first = call.columns.primary else { return call.fail(5) }
            first.connect(to: address, for: call) { connected in
                guard case .failure = connected else { return call.end() }
                replace(first, at: instead, for: call)
            }
        }
    }

    /// Connects a fresh column in the place of one that failed.
    private func replace(_ first: LowerColumn, at place: Address, for call: PendingCall) {
        call.columns.open(for: call) { opened in
            guard case .success(let fresh) = opened else { return call.fail(5) }
            fresh.connect(to: place, for: call) { connected in
                switch connected {
                case .success:
                    fresh.makePrimary()
                    first.close()
                    call.end()
                case .failure(let failure):
                    fresh.close()
                    call.fail(failure)
                }
            }
        }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(__Module__Layer.self) }
