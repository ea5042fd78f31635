import CLamina
import CLinux
import Glibc

/// What another process had of a socket's levels, while they are opened from it.
final class LevelStates: @unchecked Sendable {
    /// What every level's links lead to for `export_state`: the framework asks each level by itself.
    static let exported: lamina_any_function = {
        let function: lamina_export_state_function = { slot, _, request in lamina_complete(slot, request, 0, 0) }
        return unsafeBitCast(function, to: lamina_any_function.self)
    }()

    /// And for `adopt_state`: bytes that a level passes on are bytes that nobody reads.
    static let adopted: lamina_any_function = {
        let function: lamina_adopt_state_function = { slot, state, request in
            lamina_complete(slot, request, state.pointee.length == 0 ? 0 : -EINVAL, 0)
        }
        return unsafeBitCast(function, to: lamina_any_function.self)
    }()

    // Used by one party at a time, as `LevelOpening` is.
    private var states: [Int: UnsafeMutablePointer<lamina_state>] = [:]
    private var bytes: [UnsafeMutableRawPointer] = []
    private var descriptors: [UnsafeMutablePointer<Int32>] = []
    /// The level that refused.
    var failedLevel: Int?

    /// Keeps what a level gets. The descriptors are this object's until the level takes them.
    func add(_ level: Int, version: UInt32, _ content: [UInt8], _ given: [Int32], mode: Int) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(content.count, 1), alignment: 16)
        content.withUnsafeBytes { if let base = $0.baseAddress { memcpy(memory, base, $0.count) } }
        let numbers = UnsafeMutablePointer<Int32>.allocate(capacity: given.count + 1)
        numbers.initialize(from: given + [-1], count: given.count + 1)
        let state = UnsafeMutablePointer<lamina_state>.allocate(capacity: 1)
        state.initialize(to: lamina_state())
        state.pointee.size = UInt32(MemoryLayout<lamina_state>.size)
        state.pointee.version = version
        state.pointee.bytes = memory
        state.pointee.capacity = content.count
        state.pointee.length = content.count
        state.pointee.mode = UInt32(mode)
        state.pointee.descriptors = numbers
        state.pointee.descriptor_capacity = UInt32(given.count)
        state.pointee.descriptor_count = UInt32(given.count)
        states[level] = state
        bytes.append(memory)
        descriptors.append(numbers)
    }

    /// What a level gets; nil where it is opened from below.
    func state(of level: Int) -> UnsafePointer<lamina_state>? { states[level].map { UnsafePointer($0) } }

    deinit {
        for state in states.values {
            for index in 0..<Int(state.pointee.descriptor_count) {
                if let descriptor = state.pointee.descriptors?[index], descriptor >= 0 { close(descriptor) }
            }
            state.deallocate()
        }
        for numbers in descriptors { numbers.deallocate() }
        for memory in bytes { memory.deallocate() }
    }
}

/// What a level of a socket is asked while it is handed over. Runs providers' code, inside the socket.
struct LevelExport {
    let handle: lamina_socket
    let state: ColumnState
    let mode: HandoffMode

    /// The levels that take part, from the program down.
    var levels: [Int] { (1...state.levelCount).filter { state.active & (1 << UInt64($0)) != 0 } }

    func instance(_ level: Int) -> Instance? { state.chain.instance(state.start + level) }

    /// Asks a level something that it answers at once: 0 where it doesn't take part. -EBADF: the socket is closed.
    func ask(_ level: Int, _ phase: Int) -> lamina_status {
        guard let export = instance(level)?.table?.pointee.export_state else { return 0 }
        guard lamina_enter(handle) != 0 else { return -EBADF }
        defer { lamina_leave() }
        var asked = lamina_state()
        asked.size = UInt32(MemoryLayout<lamina_state>.size)
        asked.mode = mode.rawValue
        asked.phase = UInt32(phase)
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        request.flags = UInt32(LAMINA_REQUEST_TRY)
        return export(state.slots + level, &asked, &request)
    }

    /// Tells every level how it ended.
    func tell(_ phase: Int) {
        for level in levels { _ = ask(level, phase) }
    }

    /// Throws where a level can't hand the socket over, naming it.
    func check() throws(LaminaError) {
        for level in levels {
            guard let instance = instance(level) else { continue }
            let manifest = instance.provider.manifest
            let subject = "layer \"\(instance.label)\""
            func refused(_ cause: String, _ errno: Int32 = EOPNOTSUPP) -> LaminaError {
                LaminaError(.refused, subject, cause, errno: errno, level: instance.label)
            }
            guard manifest.handoff != .none else { throw refused("can't hand a socket to another process") }
            guard manifest.handoff == .share || mode == .move else {
                throw refused("can't share a socket with another process, only let it move")
            }
            let table = instance.table?.pointee
            let isWhole = table?.export_state != nil && table?.adopt_state != nil
            guard isWhole || (manifest.kind == .layered && manifest.handoff == .share) else {
                throw refused("says that it hands sockets over, and fills no export_state and adopt_state")
            }
            let status = ask(level, LAMINA_EXPORT_ASK)
            switch status {
            case 0..., -ENOBUFS, -EAGAIN, -EBUSY: break
            case -EBADF: throw Outcome.error(status, "duplicate")
            default: throw refused("can't hand this socket over: \(String(cString: strerror(-status)))", -status)
            }
        }
    }
}

/// Writes the state of a socket's levels, one after another; each may take its time.
final class StateWriting: @unchecked Sendable {
    // One party at a time: the thread that runs `advance`, or the completion that came after its return.
    private let export: LevelExport
    private var levels: [Int]
    private var current = 0
    private let request: Request
    private let asked: UnsafeMutablePointer<lamina_state>
    private let descriptors: UnsafeMutablePointer<Int32>
    private var room: UnsafeMutableRawBufferPointer
    private var arrivals: UInt32 = 0
    private let done: (StateWriting, lamina_status) -> Void
    /// What was written.
    private(set) var written: [HandoffState.Level] = []
    /// The descriptors that belong to it, level after level. They are closed at the end of this object's life.
    private(set) var passed: [Int32] = []

    /// The label of the level at work.
    var label: String { export.instance(current)?.label ?? "" }

    /// Begins; `done` is told how it ended, here or later.
    static func begin(_ export: LevelExport, done: @escaping (StateWriting, lamina_status) -> Void) {
        StateWriting(export, done).advance()
    }

    private init(_ export: LevelExport, _ done: @escaping (StateWriting, lamina_status) -> Void) {
        self.export = export
        self.done = done
        levels = export.levels.reversed()
        request = .allocate(capacity: 1)
        asked = .allocate(capacity: 1)
        descriptors = .allocate(capacity: HandoffState.mostDescriptors)
        room = .allocate(byteCount: 4096, alignment: 16)
    }

    deinit {
        for descriptor in passed { close(descriptor) }
        request.deallocate()
        asked.deallocate()
        descriptors.deallocate()
        room.deallocate()
    }

    private func advance() {
        while true {
            if current == 0 {
                guard let next = levels.popLast() else { return done(self, 0) }
                guard export.instance(next)?.table?.pointee.export_state != nil else { continue }
                current = next
            }
            guard let write = export.instance(current)?.table?.pointee.export_state else { return }
            guard lamina_enter(export.handle) != 0 else { return done(self, -EBADF) }
            asked.initialize(to: lamina_state())
            asked.pointee.size = UInt32(MemoryLayout<lamina_state>.size)
            asked.pointee.bytes = room.baseAddress
            asked.pointee.capacity = room.count
            asked.pointee.mode = export.mode.rawValue
            asked.pointee.phase = UInt32(LAMINA_EXPORT_WRITE)
            asked.pointee.descriptors = descriptors
            asked.pointee.descriptor_capacity = UInt32(HandoffState.mostDescriptors)
            clinux_store_u32(&arrivals, 0)
            lamina_request_prepare(request, Self.ended, Unmanaged.passRetained(self).toOpaque())
            _ = write(export.state.slots + current, asked, request)
            lamina_leave()
            guard clinux_add_u32(&arrivals, 1) == 2, take() else { return }
        }
    }

    private static let ended: lamina_completion = { _, _, context in
        guard let context else { return 0 }
        let writing = Unmanaged<StateWriting>.fromOpaque(context).takeRetainedValue()
        if clinux_add_u32(&writing.arrivals, 1) == 2, writing.take() { writing.advance() }
        return 0
    }

    /// Takes what the current level wrote; false: that was the end.
    private func take() -> Bool {
        let (status, length) = (request.pointee.status, asked.pointee.length)
        let count = min(Int(asked.pointee.descriptor_count), HandoffState.mostDescriptors)
        if status == -ENOBUFS, length > room.count, length <= HandoffMessage.longest {
            room.deallocate()
            room = .allocate(byteCount: length, alignment: 16)
            return true
        }
        guard status >= 0, length <= room.count else {
            done(self, status < 0 ? status : -EPROTO)
            return false
        }
        guard let instance = export.instance(current) else { return false }
        passed += (0..<count).map { descriptors[$0] }
        written.append(
            HandoffState.Level(
                place: current,
                label: instance.label,
                uuid: instance.provider.manifest.uuid,
                version: asked.pointee.version,
                bytes: Array(room[..<length]),
                descriptorCount: count
            )
        )
        current = 0
        return true
    }
}
