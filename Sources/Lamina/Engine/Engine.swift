import CLamina
import CLinux
import Glibc

/// Waits for what would block, watches deadlines, and runs completions (the I/O completion threads of sockets).
///
/// `shared` has threads of its own, each started when a socket first needs it. A socket belongs to one of them from open
/// to close, so that its indications, completions and deadlines are serial. A program that has its own event loop makes
/// an engine, polls `descriptor` for reading, and calls `run`; then completions run on its thread and no thread is
/// started.
public final class Engine: @unchecked Sendable {
    // `state` is locked; the rest is constant.
    private struct State {
        var loops: [EngineLoop]
        /// Where the search for the next socket's loop begins.
        var next = 0
    }

    /// The engine of sockets that no program runs itself. It has as many threads as `LAMINA_ENGINE_THREADS` says, else
    /// one for each processor that is online, at most 4.
    public static let shared = Engine(ownThreads: EngineThreads.count)

    private let state: Locked<State>
    private let most: Int
    /// The loop that there is in any case.
    let first: EngineLoop

    /// An engine that the program runs itself. Throws where the system gives no more descriptors.
    public convenience init() throws(LaminaError) {
        self.init(ownThreads: 0)
        guard first.isWhole else {
            throw LaminaError(
                .system,
                "engine",
                "no descriptor: \(String(cString: strerror(EMFILE)))",
                remedy: "raise the limit of open files",
                errno: EMFILE
            )
        }
    }

    private init(ownThreads: Int) {
        most = max(ownThreads, 1)
        isRunByProgram = ownThreads == 0
        first = EngineLoop(ownThread: ownThreads > 0)
        state = Locked(State(loops: [first]))
        Self.all.withLock { $0.append(Unmanaged.passUnretained(self)) }
    }

    deinit {
        let own = Unmanaged.passUnretained(self).toOpaque()
        Self.all.withLock { $0.removeAll { $0.toOpaque() == own } }
    }

    /// Every engine of this process, for its children.
    private static let all = Locked<[Unmanaged<Engine>]>([])

    /// In a child process: begins anew, under the same descriptor numbers, so that the parent's stay untouched.
    static func beginChild() {
        for engine in all.withLock({ $0 }) {
            for loop in engine.takeUnretainedValue().state.withLock({ $0.loops }) { loop.beginChild() }
        }
    }

    /// Whether the program runs it.
    let isRunByProgram: Bool

    /// Becomes readable when `run` has something to do. It stays the engine's.
    public var descriptor: Int32 { first.descriptor }

    /// Does what is due, waiting up to `timeout` nanoseconds for something, nil for as long as it takes. Answers how
    /// many things it did; 0, at once, while another thread runs it or this one already does. Not for `shared`.
    @discardableResult
    public func run(timeout: Int64? = 0) -> Int {
        isRunByProgram ? first.run(timeout: timeout) : 0
    }

    /// The loop of a new socket: one that has the fewest. The socket counts until `EngineLoop.removeSocket`.
    func addSocket() -> EngineLoop {
        guard most > 1 else {
            first.addSocket()
            return first
        }
        return state.withLock { state in
            var least = state.next % state.loops.count
            for offset in 1..<max(state.loops.count, 2) {
                let place = (state.next + offset) % state.loops.count
                if state.loops[place].socketCount < state.loops[least].socketCount { least = place }
            }
            if state.loops[least].socketCount > 0, state.loops.count < most {
                let made = EngineLoop(ownThread: true)
                // Where the system gives no descriptors, those that there are do the work.
                if made.isWhole {
                    least = state.loops.count
                    state.loops.append(made)
                }
            }
            state.next = least + 1
            state.loops[least].addSocket()
            return state.loops[least]
        }
    }
}
