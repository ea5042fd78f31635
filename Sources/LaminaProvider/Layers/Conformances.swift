import CLamina
import CLinux

/// What a layer type conforms to, looked up once: a table is filled from it, and the table's functions call through it.
/// It lives for good.
struct Conformances: Sendable {
    let controlCalls: (any ControlCalls.Type)?
    let controlEnds: (any ControlEnds.Type)?
    let bindCalls: (any BindCalls.Type)?
    let bindEnds: (any BindEnds.Type)?
    let listenCalls: (any ListenCalls.Type)?
    let listenEnds: (any ListenEnds.Type)?
    let acceptCalls: (any AcceptCalls.Type)?
    let acceptEnds: (any AcceptEnds.Type)?
    let inspectCompleteCalls: (any InspectCompleteCalls.Type)?
    let inspectCompleteEnds: (any InspectCompleteEnds.Type)?
    let localAddressCalls: (any LocalAddressCalls.Type)?
    let localAddressEnds: (any LocalAddressEnds.Type)?
    let remoteAddressCalls: (any RemoteAddressCalls.Type)?
    let remoteAddressEnds: (any RemoteAddressEnds.Type)?
    let releaseCalls: (any ReleaseCalls.Type)?
    let releaseEnds: (any ReleaseEnds.Type)?
    let enableIndicationsCalls: (any EnableIndicationsCalls.Type)?
    let enableIndicationsEnds: (any EnableIndicationsEnds.Type)?
    let connectCalls: (any ConnectCalls.Type)?
    let connectEnds: (any ConnectEnds.Type)?
    let connectWithDataCalls: (any ConnectWithDataCalls.Type)?
    let connectWithDataEnds: (any ConnectWithDataEnds.Type)?
    let sendCalls: (any SendCalls.Type)?
    let sendEnds: (any SendEnds.Type)?
    let receiveCalls: (any ReceiveCalls.Type)?
    let receiveEnds: (any ReceiveEnds.Type)?
    let disconnectCalls: (any DisconnectCalls.Type)?
    let disconnectEnds: (any DisconnectEnds.Type)?
    let sendToCalls: (any SendToCalls.Type)?
    let sendToEnds: (any SendToEnds.Type)?
    let receiveFromCalls: (any ReceiveFromCalls.Type)?
    let receiveFromEnds: (any ReceiveFromEnds.Type)?
    let sendMessagesCalls: (any SendMessagesCalls.Type)?
    let sendMessagesEnds: (any SendMessagesEnds.Type)?
    let receiveMessagesCalls: (any ReceiveMessagesCalls.Type)?
    let receiveMessagesEnds: (any ReceiveMessagesEnds.Type)?
    let resolveCalls: (any ResolveCalls.Type)?
    let resolveEnds: (any ResolveEnds.Type)?
    let reverseResolveCalls: (any ReverseResolveCalls.Type)?
    let reverseResolveEnds: (any ReverseResolveEnds.Type)?
    let providerControlCalls: (any ProviderControlCalls.Type)?
    let providerControlEnds: (any ProviderControlEnds.Type)?
    let openCalls: (any OpenCalls.Type)?
    let openEnds: (any OpenEnds.Type)?
    let closeCalls: (any CloseCalls.Type)?
    let closeEnds: (any CloseEnds.Type)?
    let exportStateEnds: (any ExportStateEnds.Type)?
    let adoptStateEnds: (any AdoptStateEnds.Type)?
    let acceptEvents: (any AcceptEvents.Type)?
    let inspectEvents: (any InspectEvents.Type)?
    let abortEvents: (any AbortEvents.Type)?
    let receiveEvents: (any ReceiveEvents.Type)?
    let receiveFromEvents: (any ReceiveFromEvents.Type)?
    let disconnectEvents: (any DisconnectEvents.Type)?
    let sendBacklogEvents: (any SendBacklogEvents.Type)?
    let handsOver: (any HandsOver.Type)?
    let transform: (any StreamTransform.Type)?
    let receivedBytes: (any ReceivedBytes.Type)?
    /// Whether it wants to know when calls began.
    let isTimed: Bool
    let delaysCalls: (any DelaysCalls.Type)?
    let sortsDatagrams: (any SortsDatagrams.Type)?
    let terminating: (any TerminatingLayer.Type)?
    let handshakes: (any Handshakes.Type)?
    let observesCalls: (any ObservesCalls.Type)?
    /// The entries and indications that have a protocol, by their numbers.
    private let entries: [Use]
    private let indications: [Bool]

    /// What a type does with an entry.
    private enum Use {
        case none
        /// It only sees how calls ended.
        case ends
        /// It sees calls, and may change them.
        case calls

        init(calls: Bool, ends: Bool) { self = calls ? .calls : ends ? .ends : .none }
    }

    init(of type: any Layer.Type) {
        controlCalls = type as? any ControlCalls.Type
        controlEnds = type as? any ControlEnds.Type
        bindCalls = type as? any BindCalls.Type
        bindEnds = type as? any BindEnds.Type
        listenCalls = type as? any ListenCalls.Type
        listenEnds = type as? any ListenEnds.Type
        acceptCalls = type as? any AcceptCalls.Type
        acceptEnds = type as? any AcceptEnds.Type
        inspectCompleteCalls = type as? any InspectCompleteCalls.Type
        inspectCompleteEnds = type as? any InspectCompleteEnds.Type
        localAddressCalls = type as? any LocalAddressCalls.Type
        localAddressEnds = type as? any LocalAddressEnds.Type
        remoteAddressCalls = type as? any RemoteAddressCalls.Type
        remoteAddressEnds = type as? any RemoteAddressEnds.Type
        releaseCalls = type as? any ReleaseCalls.Type
        releaseEnds = type as? any ReleaseEnds.Type
        enableIndicationsCalls = type as? any EnableIndicationsCalls.Type
        enableIndicationsEnds = type as? any EnableIndicationsEnds.Type
        connectCalls = type as? any ConnectCalls.Type
        connectEnds = type as? any ConnectEnds.Type
        connectWithDataCalls = type as? any ConnectWithDataCalls.Type
        connectWithDataEnds = type as? any ConnectWithDataEnds.Type
        sendCalls = type as? any SendCalls.Type
        sendEnds = type as? any SendEnds.Type
        receiveCalls = type as? any ReceiveCalls.Type
        receiveEnds = type as? any ReceiveEnds.Type
        disconnectCalls = type as? any DisconnectCalls.Type
        disconnectEnds = type as? any DisconnectEnds.Type
        sendToCalls = type as? any SendToCalls.Type
        sendToEnds = type as? any SendToEnds.Type
        receiveFromCalls = type as? any ReceiveFromCalls.Type
        receiveFromEnds = type as? any ReceiveFromEnds.Type
        sendMessagesCalls = type as? any SendMessagesCalls.Type
        sendMessagesEnds = type as? any SendMessagesEnds.Type
        receiveMessagesCalls = type as? any ReceiveMessagesCalls.Type
        receiveMessagesEnds = type as? any ReceiveMessagesEnds.Type
        resolveCalls = type as? any ResolveCalls.Type
        resolveEnds = type as? any ResolveEnds.Type
        reverseResolveCalls = type as? any ReverseResolveCalls.Type
        reverseResolveEnds = type as? any ReverseResolveEnds.Type
        providerControlCalls = type as? any ProviderControlCalls.Type
        providerControlEnds = type as? any ProviderControlEnds.Type
        openCalls = type as? any OpenCalls.Type
        openEnds = type as? any OpenEnds.Type
        closeCalls = type as? any CloseCalls.Type
        closeEnds = type as? any CloseEnds.Type
        exportStateEnds = type as? any ExportStateEnds.Type
        adoptStateEnds = type as? any AdoptStateEnds.Type
        acceptEvents = type as? any AcceptEvents.Type
        inspectEvents = type as? any InspectEvents.Type
        abortEvents = type as? any AbortEvents.Type
        receiveEvents = type as? any ReceiveEvents.Type
        receiveFromEvents = type as? any ReceiveFromEvents.Type
        disconnectEvents = type as? any DisconnectEvents.Type
        sendBacklogEvents = type as? any SendBacklogEvents.Type
        handsOver = type as? any HandsOver.Type
        transform = type as? any StreamTransform.Type
        receivedBytes = type as? any ReceivedBytes.Type
        isTimed = type is any TimedEnds.Type
        delaysCalls = type as? any DelaysCalls.Type
        sortsDatagrams = type as? any SortsDatagrams.Type
        terminating = type as? any TerminatingLayer.Type
        handshakes = type as? any Handshakes.Type
        observesCalls = type as? any ObservesCalls.Type
        var entries = [Use](repeating: .none, count: Int(LAMINA_ENTRY_COUNT))
        entries[LAMINA_ENTRY_CONTROL] = Use(calls: controlCalls != nil, ends: controlEnds != nil)
        entries[LAMINA_ENTRY_BIND] = Use(calls: bindCalls != nil, ends: bindEnds != nil)
        entries[LAMINA_ENTRY_LISTEN] = Use(calls: listenCalls != nil, ends: listenEnds != nil)
        entries[LAMINA_ENTRY_ACCEPT] = Use(calls: acceptCalls != nil, ends: acceptEnds != nil)
        entries[LAMINA_ENTRY_INSPECT_COMPLETE] = Use(
            calls: inspectCompleteCalls != nil,
            ends: inspectCompleteEnds != nil
        )
        entries[LAMINA_ENTRY_LOCAL_ADDRESS] = Use(calls: localAddressCalls != nil, ends: localAddressEnds != nil)
        entries[LAMINA_ENTRY_REMOTE_ADDRESS] = Use(calls: remoteAddressCalls != nil, ends: remoteAddressEnds != nil)
        entries[LAMINA_ENTRY_RELEASE] = Use(calls: releaseCalls != nil, ends: releaseEnds != nil)
        entries[LAMINA_ENTRY_ENABLE_INDICATIONS] = Use(
            calls: enableIndicationsCalls != nil,
            ends: enableIndicationsEnds != nil
        )
        entries[LAMINA_ENTRY_CONNECT] = Use(calls: connectCalls != nil, ends: connectEnds != nil)
        entries[LAMINA_ENTRY_CONNECT_WITH_DATA] = Use(
            calls: connectWithDataCalls != nil,
            ends: connectWithDataEnds != nil
        )
        entries[LAMINA_ENTRY_SEND] = Use(calls: sendCalls != nil, ends: sendEnds != nil)
        entries[LAMINA_ENTRY_RECEIVE] = Use(calls: receiveCalls != nil, ends: receiveEnds != nil)
        entries[LAMINA_ENTRY_DISCONNECT] = Use(calls: disconnectCalls != nil, ends: disconnectEnds != nil)
        entries[LAMINA_ENTRY_SEND_TO] = Use(calls: sendToCalls != nil, ends: sendToEnds != nil)
        entries[LAMINA_ENTRY_RECEIVE_FROM] = Use(calls: receiveFromCalls != nil, ends: receiveFromEnds != nil)
        entries[LAMINA_ENTRY_SEND_MESSAGES] = Use(calls: sendMessagesCalls != nil, ends: sendMessagesEnds != nil)
        entries[LAMINA_ENTRY_RECEIVE_MESSAGES] = Use(
            calls: receiveMessagesCalls != nil,
            ends: receiveMessagesEnds != nil
        )
        entries[LAMINA_ENTRY_RESOLVE] = Use(calls: resolveCalls != nil, ends: resolveEnds != nil)
        entries[LAMINA_ENTRY_REVERSE_RESOLVE] = Use(calls: reverseResolveCalls != nil, ends: reverseResolveEnds != nil)
        entries[LAMINA_ENTRY_PROVIDER_CONTROL] = Use(
            calls: providerControlCalls != nil,
            ends: providerControlEnds != nil
        )
        entries[LAMINA_ENTRY_OPEN] = Use(calls: openCalls != nil, ends: openEnds != nil)
        entries[LAMINA_ENTRY_CLOSE] = Use(calls: closeCalls != nil, ends: closeEnds != nil)
        entries[LAMINA_ENTRY_EXPORT_STATE] = Use(calls: handsOver != nil, ends: exportStateEnds != nil)
        entries[LAMINA_ENTRY_ADOPT_STATE] = Use(calls: handsOver != nil, ends: adoptStateEnds != nil)
        if observesCalls != nil { entries = entries.map { _ in .ends } }
        self.entries = entries
        var indications = [Bool](repeating: false, count: Int(LAMINA_INDICATION_COUNT))
        indications[LAMINA_INDICATION_ACCEPT] = acceptEvents != nil
        indications[LAMINA_INDICATION_INSPECT] = inspectEvents != nil
        indications[LAMINA_INDICATION_ABORT] = abortEvents != nil
        indications[LAMINA_INDICATION_RECEIVE] = receiveEvents != nil
        indications[LAMINA_INDICATION_RECEIVE_FROM] = receiveFromEvents != nil
        indications[LAMINA_INDICATION_DISCONNECT] = disconnectEvents != nil
        indications[LAMINA_INDICATION_SEND_BACKLOG] = sendBacklogEvents != nil
        if observesCalls != nil { indications = indications.map { _ in true } }
        self.indications = indications
    }

    /// What a frame keeps of when its call began.
    var timeStamp: UInt64 { isTimed ? UInt64(clinux_monotonic()) : 0 }

    /// Whether the table has a function for an entry: the type has a protocol for it, or it is among those that the type
    /// is linked for by entries whose end alone it sees, which pass through.
    func fills(_ entry: Int) -> Bool {
        entries[entry] != .none || lamina_describe_entry(UInt32(entry)).pointee.classes & passing != 0
    }

    /// The same of an indication.
    func fillsIndication(_ indication: Int) -> Bool {
        indications[indication] || lamina_describe_indication(UInt32(indication)).pointee.triggers & passing != 0
    }

    /// Whether it sees anything of sockets: a type that sees questions of the chain alone has nothing to open.
    var seesSockets: Bool {
        terminating != nil || indications.contains(true)
            || entries.indices.contains { entries[$0] != .none && !Entry($0).isOfChain }
    }

    /// The first entry or indication with data that the type has a protocol for.
    var dataEntry: String? {
        let data = UInt32(LAMINA_CLASS_DATA_OUT | LAMINA_CLASS_DATA_IN)
        let numbers = entries.indices.filter { entries[$0] != .none && $0 != LAMINA_ENTRY_CONNECT_WITH_DATA }
        let described = numbers.map { lamina_describe_entry(UInt32($0)).pointee }
        let indicated = indications.indices.filter { indications[$0] }
            .map { lamina_describe_indication(UInt32($0)).pointee }
        return (described + indicated).first { $0.classes & data != 0 }.map { String(cString: $0.name) }
    }

    /// The classes that the type is linked for, and in which it changes nothing.
    private var passing: UInt32 {
        var (linked, changing) = (UInt32(0), UInt32(0))
        for (number, use) in entries.enumerated() {
            let triggers = lamina_describe_entry(UInt32(number)).pointee.triggers
            if use == .ends { linked |= triggers }
            if use == .calls { changing |= triggers }
        }
        return linked & ~changing
    }
}
