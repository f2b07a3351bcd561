/*  grpc.cc - bench-grpc: gRPC's C++ library with TLS on both sides.

    Variants of the server: "sync", "async" and "callback". The client is the blocking stub for
    single calls and a completion queue for several, which measured best. Messages have no limit of
    size; everything else is gRPC's default.  */

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <sched.h>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "bench/rpc/load.h"
#include "echo.grpc.pb.h"

namespace {

std::string read_file(const load_options_t *options, const char *name)
{
    std::ifstream file(std::string(options->folder) + "/" + name);
    std::stringstream text;
    text << file.rdbuf();
    load_check(file.good() && !text.str().empty(), name);
    return text.str();
}

/*  --- servers --------------------------------------------------------------------------------- */

class SyncEcho final : public bench::Echo::Service
{
    grpc::Status Reflect(grpc::ServerContext *, const bench::Payload *request,
                         bench::Payload *reply) override
    {
        reply->set_payload(request->payload());
        return grpc::Status::OK;
    }

    grpc::Status Pull(grpc::ServerContext *, const bench::Wanted *wanted,
                      grpc::ServerWriter<bench::Payload> *writer) override
    {
        bench::Payload chunk;
        chunk.set_payload(std::string(wanted->chunk(), 'x'));
        for (uint64_t left = wanted->bytes(); left > 0; left -= chunk.payload().size()) {
            if (left < chunk.payload().size()) {
                chunk.mutable_payload()->resize(left);
            }
            if (!writer->Write(chunk)) {
                break;
            }
        }
        return grpc::Status::OK;
    }
};

class CallbackEcho final : public bench::Echo::CallbackService
{
    grpc::ServerUnaryReactor *Reflect(grpc::CallbackServerContext *context,
                                      const bench::Payload *request,
                                      bench::Payload *reply) override
    {
        reply->set_payload(request->payload());
        grpc::ServerUnaryReactor *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }
};

/*  One call of the asynchronous server, from its arrival to its end; then it waits for another.  */
class AsyncCall
{
  public:
    AsyncCall(bench::Echo::AsyncService *service, grpc::ServerCompletionQueue *queue)
        : service_(service), queue_(queue)
    {
        wait();
    }

    void proceed(bool fine)
    {
        if (!answered_ && fine) {
            answered_ = true;
            reply_.set_payload(request_.payload());
            writer_->Finish(reply_, grpc::Status::OK, this);
        } else {
            wait();
        }
    }

  private:
    void wait()
    {
        answered_ = false;
        writer_.reset();
        context_ = std::make_unique<grpc::ServerContext>();
        writer_ =
            std::make_unique<grpc::ServerAsyncResponseWriter<bench::Payload>>(context_.get());
        service_->RequestReflect(context_.get(), &request_, writer_.get(), queue_, queue_, this);
    }

    bench::Echo::AsyncService *service_;
    grpc::ServerCompletionQueue *queue_;
    std::unique_ptr<grpc::ServerContext> context_;
    std::unique_ptr<grpc::ServerAsyncResponseWriter<bench::Payload>> writer_;
    bench::Payload request_;
    bench::Payload reply_;
    bool answered_ = false;
};

void drive(bench::Echo::AsyncService *service, grpc::ServerCompletionQueue *queue)
{
    std::vector<std::unique_ptr<AsyncCall>> calls;
    for (int i = 0; i < 2 * LOAD_OUTSTANDING_MAX; i++) {
        calls.push_back(std::make_unique<AsyncCall>(service, queue));
    }
    void *tag = nullptr;
    bool fine = false;
    while (queue->Next(&tag, &fine)) {
        static_cast<AsyncCall *>(tag)->proceed(fine);
    }
}

/*  Processors that this process may use: as many threads serve asynchronous calls.  */
int processors()
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void serve(const load_options_t *options)
{
    bool async = load_is(options, "async");
    bool callback = load_is(options, "callback");
    SyncEcho sync_echo;
    CallbackEcho callback_echo;
    bench::Echo::AsyncService async_echo;
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = read_file(options, "ca.pem");
    tls.pem_key_cert_pairs.push_back(
        {read_file(options, "server.key"), read_file(options, "server.pem")});
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port);
    builder.SetMaxReceiveMessageSize(-1);
    builder.SetMaxSendMessageSize(-1);
    std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
    if (async) {
        builder.RegisterService(&async_echo);
        for (int i = 0; i < processors(); i++) {
            queues.push_back(builder.AddCompletionQueue());
        }
    } else {
        builder.RegisterService(callback ? static_cast<grpc::Service *>(&callback_echo)
                                         : static_cast<grpc::Service *>(&sync_echo));
    }
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    load_check(server && port != 0, "gRPC server");
    std::vector<std::thread> threads;
    for (auto &queue : queues) {
        threads.emplace_back(drive, &async_echo, queue.get());
    }
    load_ready(("127.0.0.1:" + std::to_string(port)).c_str());
    server->Wait();
}

/*  --- client ---------------------------------------------------------------------------------- */

struct Pending {
    grpc::ClientContext context;
    grpc::Status status;
    bench::Payload reply;
    std::unique_ptr<grpc::ClientAsyncResponseReader<bench::Payload>> reader;
};

struct Connection {
    const load_options_t *options;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<bench::Echo::Stub> stub;
    grpc::CompletionQueue queue;
    bench::Payload request;
};

void *connect(const load_options_t *options)
{
    auto connection = new Connection{};
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = read_file(options, "ca.pem");
    tls.pem_private_key = read_file(options, "client.key");
    tls.pem_cert_chain = read_file(options, "client.pem");
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1); /* a connection is a connection */
    connection->options = options;
    connection->channel =
        grpc::CreateCustomChannel(options->address, grpc::SslCredentials(tls), arguments);
    connection->stub = bench::Echo::NewStub(connection->channel);
    connection->request.set_payload(options->payload, options->size);
    return connection;
}

void disconnect(void *self)
{
    auto connection = static_cast<Connection *>(self);
    connection->queue.Shutdown();
    void *tag = nullptr;
    bool fine = false;
    while (connection->queue.Next(&tag, &fine)) {
    }
    delete connection;
}

void check(const grpc::Status &status)
{
    load_check(status.ok(), status.error_message().c_str());
}

void call(void *self)
{
    auto connection = static_cast<Connection *>(self);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(int{LOAD_WAIT_MS}));
    bench::Payload reply;
    check(connection->stub->Reflect(&context, connection->request, &reply));
    load_answer(connection->options, reply.payload().data(), reply.payload().size());
}

void start(void *self)
{
    auto connection = static_cast<Connection *>(self);
    auto pending = new Pending;
    pending->context.set_deadline(std::chrono::system_clock::now() +
                                  std::chrono::milliseconds(int{LOAD_WAIT_MS}));
    pending->reader = connection->stub->AsyncReflect(&pending->context, connection->request,
                                                     &connection->queue);
    pending->reader->Finish(&pending->reply, &pending->status, pending);
}

void next(void *self)
{
    auto connection = static_cast<Connection *>(self);
    void *tag = nullptr;
    bool fine = false;
    load_check(connection->queue.Next(&tag, &fine) && fine, "completion queue");
    std::unique_ptr<Pending> pending(static_cast<Pending *>(tag));
    check(pending->status);
    load_answer(connection->options, pending->reply.payload().data(),
                pending->reply.payload().size());
}

void pull(void *self)
{
    auto connection = static_cast<Connection *>(self);
    grpc::ClientContext context;
    bench::Wanted wanted;
    wanted.set_bytes(connection->options->amount);
    wanted.set_chunk(static_cast<uint32_t>(connection->options->size));
    auto reader = connection->stub->Pull(&context, wanted);
    bench::Payload chunk;
    uint64_t bytes = 0;
    while (reader->Read(&chunk)) {
        bytes += chunk.payload().size();
    }
    check(reader->Finish());
    load_check(bytes == connection->options->amount, "the stream was cut");
}

} // namespace

int main(int argc, char **argv)
{
    const load_peer_t peer = {"grpc", serve, connect, disconnect, call, start, next, pull};
    return load_main(argc, argv, &peer);
}
