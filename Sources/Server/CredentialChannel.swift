// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// A channel that is another one in everything but its remote address.
final class CredentialChannel: Channel {
    private let base: any Channel
    let remoteAddress: SocketAddress?

    init(_ base: any Channel, remoteAddress: SocketAddress) {
        self.base = base
        self.remoteAddress = remoteAddress
    }

    var allocator: ByteBufferAllocator { base.allocator }
    var closeFuture: EventLoopFuture<Void> { base.closeFuture }
    var pipeline: ChannelPipeline { base.pipeline }
    var localAddress: SocketAddress? { base.localAddress }
    var parent: (any Channel)? { base.parent }
    var isWritable: Bool { base.isWritable }
    var isActive: Bool { base.isActive }
    var _channelCore: any ChannelCore { base._channelCore }
    var syncOptions: (any NIOSynchronousChannelOptions)? { base.syncOptions }
    var eventLoop: any EventLoop { base.eventLoop }

    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        base.setOption(option, value: value)
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        base.getOption(option)
    }
}
