import CLinux
import Glibc
import Lamina

/// The messages between a supervisor and its worker that carry commands: a number, which the reply has too, and what is
/// to be done.
enum WorkerCommands {
    /// The first byte of a worker's message that answers a command.
    static let reply: UInt8 = 3
    /// How long a message may be, in bytes.
    static let longest = 128 << 10

    /// What came from the other side.
    enum Message {
        case none
        case ended
        case bytes(ArraySlice<UInt8>)
    }

    /// The next message, if one waits.
    static func receive(_ descriptor: Int32) -> Message {
        var received = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: longest) { buffer, count in
            received = clinux_receive(descriptor, buffer.baseAddress, buffer.count)
            count = max(0, received)
        }
        if received > 0 { return .bytes(bytes[...]) }
        return received == 0 ? .ended : .none
    }

    /// What waits at a worker's connection.
    enum Next {
        case nothing, reply
        /// It has reported a crash, or is gone.
        case ending
    }

    /// Looks at what waits, and leaves it there.
    static func next(_ descriptor: Int32) -> Next {
        var first: UInt8 = 0
        let count = recv(descriptor, &first, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        if count < 0 { return errno == EAGAIN || errno == EINTR ? .nothing : .ending }
        return count > 0 && first == reply ? .reply : .ending
    }

    /// Sends a request under a number; false where the worker takes no more.
    static func send(_ request: JSON.Object, number: Int64, to descriptor: Int32) -> Bool {
        let bytes = Array((["number": .integer(number), "request": .object(request)] as JSON).text().utf8)
        return clinux_send(descriptor, bytes, bytes.count) == bytes.count
    }

    /// A reply's number and members; nil where the message is no reply.
    static func reply(in message: ArraySlice<UInt8>) -> (number: Int64, reply: JSON.Object)? {
        guard message.first == reply, let json = try? JSON(parsing: Array(message.dropFirst())) else { return nil }
        guard let number = json["number"]?.integerValue, let reply = json["reply"]?.objectValue else { return nil }
        return (number, reply)
    }
}

extension ChainRunner {
    /// Carries out what comes over `control` from the supervisor; `ended` runs when it has closed its end.
    func serve(_ control: Int32, on loop: EventLoop, ended: @escaping () -> Void) throws(Errno) {
        try loop.watch(control, EventLoop.readable) { [unowned self] _ in
            switch WorkerCommands.receive(control) {
            case .none: break
            case .bytes(let message): answer(message, over: control)
            case .ended:
                loop.forget(control)
                ended()
            }
        }
    }

    private func answer(_ message: ArraySlice<UInt8>, over control: Int32) {
        guard let json = try? JSON(parsing: Array(message)), let number = json["number"],
            let object = json["request"]?.objectValue
        else { return }
        var reply: JSON.Object
        do throws(LaminaError) {
            reply = ControlReply.success(try carryOut(ControlRequest(object).command))
        } catch {
            reply = ControlReply.failure(error)
        }
        var bytes = [WorkerCommands.reply] + Array((["number": number, "reply": .object(reply)] as JSON).text().utf8)
        if bytes.count > WorkerCommands.longest {
            let error = LaminaError(.system, "run", "its state has more than \(WorkerCommands.longest) bytes")
            reply = ControlReply.failure(error)
            bytes = [WorkerCommands.reply] + Array((["number": number, "reply": .object(reply)] as JSON).text().utf8)
        }
        _ = clinux_send(control, bytes, bytes.count)
    }
}
