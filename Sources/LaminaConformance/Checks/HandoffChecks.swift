import CLamina
import CLinux
import Glibc
import Lamina

/// A level's state on its way to another process.
enum HandoffChecks {
    static func check(_ subject: Subject) throws {
        try subject.inItsPlace { rig in
            let word = rig.subject.provider.manifest.handoff
            let filled = rig.chain.instances[0].entryNames
            for entry in ["export_state", "adopt_state"] where word == .move && !filled.contains(entry) {
                throw Finding(
                    entry,
                    "\(rig.place): the descriptor says move, and the entry is empty",
                    "fill export_state and adopt_state, or declare LAMINA_HANDOFF_NONE"
                )
            }
            guard filled.contains("export_state") || filled.contains("adopt_state") else {
                throw NotApplicable("it exports and adopts no state, as its descriptor says")
            }
            let category = [SocketCategories.connection, .datagram].first { subject.has($0) } ?? .listen
            let socket = try rig.open(category)
            let exported = try export(socket, rig)
            switch word {
            case .none where exported != nil:
                throw Finding(
                    "export_state",
                    "\(rig.place): wrote a state, and the descriptor says that none can be handed over",
                    "answer -EOPNOTSUPP, or declare LAMINA_HANDOFF_MOVE"
                )
            case .move where exported == nil:
                throw Finding(
                    "export_state",
                    "\(rig.place): wrote no state, and the descriptor says move",
                    "write the state of an open socket, or declare LAMINA_HANDOFF_NONE"
                )
            default: break
            }
            if exported != nil { try checkPhases(word, socket, rig) }
            rig.close(socket)
            let other = try rig.open(category)
            if let exported, word == .move {
                let status = try adopt(exported, other, rig)
                guard status >= 0 else {
                    throw Finding(
                        "adopt_state",
                        "\(rig.place): ended with \(Status.text(status)) for what export_state had written",
                        "adopt what this version exports"
                    )
                }
            }
            let odd = State(version: .max, bytes: Array(repeating: 0xDB, count: 3))
            let status = try adopt(odd, other, rig)
            guard status < 0 else {
                throw Finding(
                    "adopt_state",
                    "\(rig.place): took 3 bytes of an unknown version for a state",
                    "check version and length, and answer -EINVAL, or -EOPNOTSUPP where nothing is adopted"
                )
            }
            rig.close(other)
        }
    }

    private struct State {
        let version: UInt32
        let bytes: [UInt8]
    }

    /// Behind what an export may write.
    private static let guarded: [UInt8] = Array(repeating: 0xA7, count: 64)

    /// Asks for each phase of a handoff that fails, and of one that is asked for twice.
    private static func checkPhases(_ word: Handoff, _ socket: lamina_socket, _ rig: Rig) throws {
        let mode = word == .move ? LAMINA_HANDOFF_MOVE : LAMINA_HANDOFF_SHARE
        let moves: [(name: String, phase: Int)] = [("freeze", LAMINA_EXPORT_FREEZE), ("thaw", LAMINA_EXPORT_THAW)]
        let phases = [(name: "ask", phase: LAMINA_EXPORT_ASK)] + (word == .none ? [] : moves + moves)
        for (name, phase) in phases {
            var state = lamina_state()
            state.size = UInt32(MemoryLayout<lamina_state>.size)
            state.mode = UInt32(name == "ask" ? mode : LAMINA_HANDOFF_MOVE)
            state.phase = UInt32(phase)
            let call = Call("export_state")
            let status = try withUnsafeMutablePointer(to: &state) { state in
                let export = try own(rig).export_state
                _ = call.make { export?(socket.slot + 1, state, $0) ?? -EOPNOTSUPP }
                return try call.needEnd(rig.place).status
            }
            guard status >= 0 || (phase == LAMINA_EXPORT_ASK && status == -ENOBUFS) else {
                throw Finding(
                    "export_state",
                    "\(rig.place): phase \(name) of an idle socket ended with \(Status.text(status))",
                    "answer 0 to a phase that asks for nothing"
                )
            }
        }
    }

    /// The subject's own entries: the framework asks each level by itself.
    private static func own(_ rig: Rig) throws -> lamina_table {
        guard let table = rig.chain.instances[0].table else { throw NotApplicable("it fills no entry") }
        return table.pointee
    }

    /// The state that a level exports; nil where it answers that it has none.
    private static func export(_ socket: lamina_socket, _ rig: Rig) throws -> State? {
        let (short, needed, _) = try write(0, socket, rig)
        guard short >= 0 || short == -ENOBUFS else { return nil }
        guard short == -ENOBUFS || needed.length == 0 else {
            throw Finding(
                "export_state",
                "\(rig.place): ended with 0 and \(needed.length) bytes where there was room for none",
                "answer -ENOBUFS, with the number needed in length"
            )
        }
        let (status, state, bytes) = try write(needed.length, socket, rig)
        guard status >= 0, state.length <= needed.length else {
            throw Finding(
                "export_state",
                "\(rig.place): with the \(needed.length) bytes that it had asked for, ended with "
                    + "\(Status.text(status)) and \(state.length) bytes",
                "write at most capacity bytes, and ask for as many as are needed"
            )
        }
        return State(version: state.version, bytes: bytes)
    }

    private static func write(
        _ capacity: Int,
        _ socket: lamina_socket,
        _ rig: Rig
    ) throws -> (lamina_status, lamina_state, [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + guarded.count, alignment: 16)
        let state = UnsafeMutablePointer<lamina_state>.allocate(capacity: 1)
        defer {
            memory.deallocate()
            state.deallocate()
        }
        UnsafeMutableRawBufferPointer(rebasing: memory[capacity...]).copyBytes(from: guarded)
        state.initialize(to: lamina_state())
        state.pointee.size = UInt32(MemoryLayout<lamina_state>.size)
        state.pointee.bytes = memory.baseAddress
        state.pointee.capacity = capacity
        var descriptors = [Int32](repeating: -1, count: 16)
        let call = Call("export_state")
        let export = try own(rig).export_state
        try descriptors.withUnsafeMutableBufferPointer { room in
            state.pointee.descriptors = room.baseAddress
            state.pointee.descriptor_capacity = UInt32(room.count)
            _ = call.make { export?(socket.slot + 1, state, $0) ?? -EOPNOTSUPP }
            let written = try call.needEnd(rig.place)
            let count = Int(state.pointee.descriptor_count)
            guard count <= room.count, written.status >= 0 || count == 0 else {
                throw Finding(
                    "export_state",
                    "\(rig.place): ended with \(Status.text(written.status)) and \(count) descriptors",
                    "write at most descriptor_capacity of them, and none with an error"
                )
            }
            // They are the framework's from now on.
            for index in 0..<count { Glibc.close(room[index]) }
        }
        let end = try call.needEnd(rig.place)
        guard memory[capacity...].elementsEqual(guarded) else {
            throw Finding(
                "export_state",
                "\(rig.place): wrote more than the \(capacity) bytes that there was room for",
                "write at most capacity bytes"
            )
        }
        return (end.status, state.pointee, Array(memory.prefix(min(state.pointee.length, capacity))))
    }

    private static func adopt(_ exported: State, _ socket: lamina_socket, _ rig: Rig) throws -> lamina_status {
        var bytes = exported.bytes
        let call = Call("adopt_state")
        let adopt = try own(rig).adopt_state
        bytes.withUnsafeMutableBytes { bytes in
            var state = lamina_state()
            state.size = UInt32(MemoryLayout<lamina_state>.size)
            state.version = exported.version
            state.bytes = bytes.baseAddress
            state.capacity = bytes.count
            state.length = bytes.count
            withUnsafePointer(to: &state) { state in
                _ = call.make { adopt?(socket.slot + 1, state, $0) ?? -EOPNOTSUPP }
            }
        }
        return try call.needEnd(rig.place).status
    }
}
