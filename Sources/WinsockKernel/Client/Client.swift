// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLamina
import CLinux
public import CWinsockKernel
import Glibc
import Lamina

/// One registration: who has captured the provider, and what is still open.
final class Client: @unchecked Sendable {
    // Everything that changes is guarded by the mutex.
    let context: UnsafeMutableRawPointer?
    let version: UInt16
    private let maker: UnsafeRawPointer?
    private let mutex = SystemMutex()
    private let change = SystemCondition()
    /// Where the provider was captured.
    private var captures: [UnsafeRawPointer?] = []
    private var sockets = 0
    private var requests = 0
    private var isGone = false
    /// Completion routines that run: their code must stay until they have returned. Changed by atomic operations.
    private let running = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    /// Events that every socket has enabled from its start.
    private(set) var staticEvents: UInt32 = 0
    /// Requests that wait for the list of transports to change.
    private var listChanges: [PIRP] = []

    /// Clients live for good: a late capture of one that is gone must be refused.
    nonisolated(unsafe) private static var all: [Client] = []
    private static let allMutex = SystemMutex(WSK_MUTEX_CLIENTS)

    init(_ npi: WSK_CLIENT_NPI, maker: UnsafeRawPointer?) {
        context = npi.ClientContext
        version = npi.Dispatch.pointee.Version
        self.maker = maker
        running.initialize(to: 0)
        Self.allMutex.hold { Self.all.append(self) }
    }

    static func of(_ client: PWSK_CLIENT?) -> Client? {
        guard let client else { return nil }
        return Unmanaged<Client>.fromOpaque(client).takeUnretainedValue()
    }

    static func registered(in registration: PWSK_REGISTRATION?) -> Client? {
        guard let registration else { return nil }
        return of(clinux_load_pointer(contextField(registration)))
    }

    static func contextField(_ registration: PWSK_REGISTRATION) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(registration)
            + (MemoryLayout<WSK_REGISTRATION>.offset(of: \.ReservedRegistrationContext) ?? 0)
    }

    var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    func capture(_ caller: UnsafeRawPointer?) -> Bool {
        mutex.hold {
            guard !isGone else { return false }
            captures.append(caller)
            return true
        }
    }

    func release() {
        mutex.hold {
            guard captures.popLast() != nil else {
                return wsk_trap("WskReleaseProviderNPI", "the provider is not captured", nil)
            }
            change.broadcast()
        }
    }

    func addSocket() {
        mutex.hold { sockets += 1 }
    }

    func removeSocket() {
        mutex.hold {
            sockets -= 1
            change.broadcast()
        }
    }

    func addRequest() {
        mutex.hold { requests += 1 }
    }

    func removeRequest() {
        mutex.hold {
            requests -= 1
            change.broadcast()
        }
    }

    /// A completion routine is about to run.
    func enter() { _ = clinux_add_u32(running, 1) }

    /// It has returned.
    func leave() { _ = clinux_add_u32(running, -1) }

    /// Enables events on every socket that is opened from now on. False: there are sockets already.
    func setStaticEvents(_ events: UInt32) -> Bool {
        mutex.hold {
            guard sockets == 0 else { return false }
            staticEvents = events
            return true
        }
    }

    // MARK: - Requests that wait for a change of the transports

    func awaitListChange(_ irp: PIRP) -> Bool {
        mutex.hold {
            guard !isGone else { return false }
            listChanges.append(irp)
            return true
        }
    }

    func removeListChange(_ irp: PIRP) -> Bool {
        mutex.hold {
            guard let index = listChanges.firstIndex(of: irp) else { return false }
            listChanges.remove(at: index)
            return true
        }
    }

    /// Takes the requests of all clients that wait for a change.
    static func takeListChanges() -> [PIRP] {
        allMutex.hold { all }.flatMap { $0.takeListChanges() }
    }

    private func takeListChanges() -> [PIRP] {
        mutex.hold {
            defer { listChanges = [] }
            return listChanges
        }
    }

    // MARK: - The end

    private static let patience: Int64 = 10_000_000_000

    /// Lets nobody capture any more, and ends what waits for a change.
    private func beginEnd() {
        mutex.hold { isGone = true }
        for irp in takeListChanges() { Submission.finish(irp, STATUS_CANCELLED, 0, isInline: false) }
    }

    /// Waits until nothing is left; a line says what it waits for when that takes long.
    func end() {
        beginEnd()
        if waitForEnd(until: clinux_monotonic() + Self.patience) { return }
        sayWhatIsLeft("WskDeregister")
        _ = waitForEnd(until: nil)
    }

    /// Waits until nothing is left, `milliseconds` at most, and says what is; with `isForced` that is closed then, and
    /// waited for. False: something is left.
    func end(within milliseconds: UInt32, isForced: Bool) -> Bool {
        beginEnd()
        if waitForEnd(until: clinux_monotonic() + Int64(milliseconds) * 1_000_000) { return true }
        sayWhatIsLeft("WskDeregisterWithin")
        guard isForced else { return false }
        mutex.hold { captures = [] }
        Sockets.closeAll { $0.pointee.client == pointer }
        for irp in Ledger.requests(of: self) { _ = IoCancelIrp(irp) }
        if waitForEnd(until: clinux_monotonic() + Self.patience) { return true }
        sayWhatIsLeft("WskDeregisterWithin")
        return false
    }

    /// False: the deadline passed.
    private func waitForEnd(until deadline: Int64?) -> Bool {
        mutex.lock()
        defer { mutex.unlock() }
        while !captures.isEmpty || sockets > 0 || requests > 0 {
            guard change.wait(mutex, until: deadline) else { return false }
        }
        while clinux_load_u32(running) > 0 { sched_yield() }
        return true
    }

    private func sayWhatIsLeft(_ function: String) {
        let (captures, sockets, requests) = mutex.hold { (self.captures, self.sockets, self.requests) }
        Report.line(
            "\(function) of the client that registered at \(Ledger.place(maker)) waits for \(captures.count) captures, "
                + "\(sockets) sockets and \(requests) requests"
        )
        for capture in captures { Report.line("  capture, made at \(Ledger.place(capture))") }
        for line in Sockets.report({ $0.pointee.client == pointer }) { Report.line("  \(line)") }
        for irp in Ledger.requests(of: self) {
            let kind = Kind(rawValue: wsk_operation_of(irp).pointee.kind)
            let place = Ledger.place(Ledger.block(of: UnsafeMutableRawPointer(irp)).pointee.maker)
            Report.line("  request of \(kind?.function ?? "the client"), its IRP made at \(place)")
        }
    }
}

/// WskRegister.
@c @implementation
public func wsk_register(
    _ npi: PWSK_CLIENT_NPI?,
    _ registration: PWSK_REGISTRATION?,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let npi, let registration, npi.pointee.Dispatch != nil else { return STATUS_INVALID_PARAMETER }
    wsk_require_irql("WskRegister", UInt8(PASSIVE_LEVEL), caller)
    registration.pointee = WSK_REGISTRATION()
    registration.pointee.ReservedRegistrationState = 1
    clinux_store_pointer(Client.contextField(registration), Client(npi.pointee, maker: caller).pointer)
    return STATUS_SUCCESS
}

/// WskDeregister.
@c @implementation
public func wsk_deregister(_ registration: PWSK_REGISTRATION?, _ caller: UnsafeRawPointer?) {
    guard let registration, let client = Client.registered(in: registration) else {
        return wsk_trap("WskDeregister", "the client is not registered", caller)
    }
    wsk_require_irql("WskDeregister", UInt8(PASSIVE_LEVEL), caller)
    client.end()
    registration.pointee.ReservedRegistrationState = 0
    clinux_store_pointer(Client.contextField(registration), nil)
}

/// WskDeregisterWithin.
@c @implementation
public func wsk_deregister_within(
    _ registration: PWSK_REGISTRATION?,
    _ milliseconds: UInt32,
    _ isForced: UInt8,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let registration, let client = Client.registered(in: registration) else {
        return STATUS_INVALID_PARAMETER
    }
    wsk_require_irql("WskDeregisterWithin", UInt8(PASSIVE_LEVEL), caller)
    guard client.end(within: milliseconds, isForced: isForced != 0) else { return STATUS_IO_TIMEOUT }
    registration.pointee.ReservedRegistrationState = 0
    clinux_store_pointer(Client.contextField(registration), nil)
    return STATUS_SUCCESS
}

/// WskCaptureProviderNPI.
@c @implementation
public func wsk_capture(
    _ registration: PWSK_REGISTRATION?,
    _ milliseconds: UInt32,
    _ npi: PWSK_PROVIDER_NPI?,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let npi else { return STATUS_INVALID_PARAMETER }
    if milliseconds != UInt32(WSK_NO_WAIT) {
        wsk_require_irql("WskCaptureProviderNPI with a wait", UInt8(PASSIVE_LEVEL), caller)
    }
    guard let client = Client.registered(in: registration) else { return STATUS_DEVICE_NOT_READY }
    guard client.version >> 8 == Provider.version >> 8, client.version <= Provider.version else {
        return STATUS_NOINTERFACE
    }
    guard Provider.open() != nil, client.capture(caller) else { return STATUS_DEVICE_NOT_READY }
    npi.pointee.Client = client.pointer
    npi.pointee.Dispatch = wsk_provider()
    return STATUS_SUCCESS
}

/// Gives a capture back.
@c @implementation
public func WskReleaseProviderNPI(_ registration: PWSK_REGISTRATION?) {
    guard let client = Client.registered(in: registration) else {
        return wsk_trap("WskReleaseProviderNPI", "the client is not registered", nil)
    }
    client.release()
}

/// Which versions there are.
@c @implementation
public func WskQueryProviderCharacteristics(
    _ registration: PWSK_REGISTRATION?,
    _ characteristics: PWSK_PROVIDER_CHARACTERISTICS?
) -> NTSTATUS {
    guard let characteristics else { return STATUS_INVALID_PARAMETER }
    guard Client.registered(in: registration) != nil else { return STATUS_DEVICE_NOT_READY }
    characteristics.pointee.HighestVersion = Provider.version
    characteristics.pointee.LowestVersion = Provider.version
    return STATUS_SUCCESS
}
