import Glibc
import LaminaProvider
import Synchronization

/// What a level with `pcap` writes: its file, and the packets that a socket's calls would have been.
final class Capture: Sendable {
    private let file: Guarded<CaptureFile>
    private let isLost = Atomic<Bool>(false)
    private let level: Level
    private let path: String
    private let process = getpid()

    /// Begins the file of this path, which may fail.
    init(_ path: String, _ level: Level) throws(Failure) {
        self.level = level
        self.path = path
        do throws(Failure) {
            var file = try CaptureFile(path, named: level.label)
            file.flush()
            if let failure = file.failure { throw failure }
            self.file = Guarded(file)
        } catch {
            throw Failure(
                error.errno,
                "pcap: \(path) can't be written: \(error); give a file where you may write"
            )
        }
    }

    deinit { flush() }

    /// Writes what has gathered.
    func flush() {
        guard process == getpid() else { return }
        tell(
            file.withLock { file in
                file.flush()
                return file.failure
            }
        )
    }

    /// A new socket, with what its packets say.
    func flow(_ socket: borrowing Socket) -> Flow {
        let program = socket.program ?? OwnProcess.program ?? "unknown"
        let name = socket.askedName.map { " \($0)" } ?? ""
        return Flow(comment: "\(program)[\(socket.owner)] #\(socket.number) \(level.label)\(name)")
    }

    /// Runs `body` while nobody else writes packets of this socket; it gets what adds one to the file, at a time or now.
    func write(_ flow: Flow, _ body: (inout Conversation, (_ packet: [UInt8], _ time: Int64?) -> Void) -> Void) {
        // In a child process, what has gathered is the parent's.
        guard process == getpid() else { return }
        flow.conversation.withLock { conversation in
            body(&conversation) { packet, time in
                guard !packet.isEmpty else { return }
                tell(
                    file.withLock { file in
                        file.add(packet, at: time ?? Clock.wall, comment: flow.comment)
                        return file.failure
                    }
                )
            }
        }
    }

    /// Says once that the file can't be written any more.
    private func tell(_ failure: Failure?) {
        guard let failure, !isLost.exchange(true, ordering: .relaxed) else { return }
        level.log(.error, "packets can't be written to \(path) and are lost: \(failure)")
    }
}
